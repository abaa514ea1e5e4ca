"""``RedisServer``: a real Redis in a process of its own, on a free port."""

from __future__ import annotations

import contextlib
import shutil
import subprocess
import tempfile
from typing import Any, Iterator, List, Optional, Tuple

from tests.conftest import needs
from tests.support.eventually import eventually
from tests.support.ports import free_port
from tests.support.programs import installed
from tests.support.runtimes import HANG_GUARD


class RedisServer:
    """One server. Its files are in a directory of its own.

    :param arguments: of ``redis-server``, beside its port.
    """

    def __init__(self, *arguments: str, port: Optional[int] = None) -> None:
        self.port = port or free_port()
        self.directory = tempfile.mkdtemp(prefix="llmstream-redis-")
        self._arguments = arguments
        self._process: Any = None
        self._client: Any = None

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}"

    @property
    def client(self) -> Any:
        """A client of redis-py, for the test itself."""
        import redis

        if self._client is None:
            self._client = redis.Redis(port=self.port, socket_timeout=HANG_GUARD)
        return self._client

    def start(self) -> "RedisServer":
        command = [*installed("redis-server"), *self._command()]
        self._process = subprocess.Popen(
            command, cwd=self.directory, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        eventually(self._answers)
        return self

    def _command(self) -> List[str]:
        place = ["--port", str(self.port), "--bind", "127.0.0.1", "--dir", self.directory]
        return [*place, "--save", "", "--appendonly", "no", *self._arguments]

    def _answers(self) -> bool:
        with contextlib.suppress(Exception):
            return bool(self.client.ping())
        return False

    def kill(self) -> None:
        """End it at once, as the kernel does. Its files stay."""
        self._process.kill()
        self._process.wait()
        self._forget_client()

    def remove(self) -> None:
        """End it, and remove its files."""
        self.kill()
        shutil.rmtree(self.directory, ignore_errors=True)

    def _forget_client(self) -> None:
        client, self._client = self._client, None
        if client is not None:
            client.close()


@contextlib.contextmanager
def redis_server(*arguments: str) -> Iterator[RedisServer]:
    """A server for the time of a block."""
    needs("redis-py", _has_redis_py())
    server = RedisServer(*arguments).start()
    try:
        yield server
    finally:
        server.remove()


@contextlib.contextmanager
def sentinels() -> Iterator[Tuple[str, RedisServer, RedisServer]]:
    """A master, its replica, and the Sentinel that watches them: the URL, and the two servers."""
    with redis_server() as master, redis_server(
        "--replicaof", "127.0.0.1", str(master.port)
    ) as replica:
        eventually(lambda: replica.client.info("replication")["master_link_status"] == "up")
        sentinel = _Sentinel(master.port).start()
        try:
            # Not sentinel_master(), which fails in redis-py 7.0.
            eventually(lambda: sentinel.client.info("sentinel")["master0"]["slaves"] == 1)
            yield f"redis+sentinel://127.0.0.1:{sentinel.port}/main", master, replica
        finally:
            sentinel.remove()


class _Sentinel(RedisServer):
    def __init__(self, master_port: int) -> None:
        super().__init__()
        self._master_port = master_port

    def _command(self) -> List[str]:
        configuration = f"{self.directory}/sentinel.conf"
        with open(configuration, "w") as file:
            file.write(
                f"port {self.port}\nbind 127.0.0.1\ndir {self.directory}\n"
                f"sentinel monitor main 127.0.0.1 {self._master_port} 1\n"
                "sentinel down-after-milliseconds main 500\n"
                "sentinel failover-timeout main 3000\n"
            )
        return [configuration, "--sentinel"]


@contextlib.contextmanager
def cluster() -> Iterator[Tuple[str, List[RedisServer]]]:
    """Three masters: the URL, and the servers."""
    with contextlib.ExitStack() as stack:
        options = ("--cluster-enabled", "yes", "--cluster-node-timeout", "2000")
        buses = [str(free_port()) for _ in range(3)]
        nodes = [
            stack.enter_context(redis_server(*options, "--cluster-port", bus)) for bus in buses
        ]
        for node, (first, last) in zip(nodes, [(0, 5460), (5461, 10922), (10923, 16383)]):
            node.client.execute_command("CLUSTER", "ADDSLOTSRANGE", first, last)
            node.client.execute_command("CLUSTER", "MEET", "127.0.0.1", nodes[0].port, buses[0])
        for node in nodes:
            eventually(lambda: b"cluster_state:ok" in _state(node))
            eventually(lambda: b"cluster_known_nodes:3" in _state(node))
        yield f"redis+cluster://127.0.0.1:{nodes[0].port}", nodes


def _state(node: RedisServer) -> bytes:
    from redis import Connection

    connection = Connection(port=node.port)  # a client would turn it into a dictionary
    try:
        connection.send_command("CLUSTER INFO")
        state: bytes = connection.read_response()
        return state
    finally:
        connection.disconnect()


def _has_redis_py() -> bool:
    try:
        import redis
    except ImportError:
        return False
    return bool(redis)

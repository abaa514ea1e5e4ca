"""``RedisServer``: a real Redis in a process of its own, on a free port.

``REDIS_SERVER`` in the environment names another program than ``redis-server``, such as Valkey's.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import tempfile
from typing import Any, Iterator, List, Optional, Tuple

from tests.conftest import needs
from tests.support.eventually import eventually
from tests.support.ports import free_port, is_free
from tests.support.programs import installed
from tests.support.runtimes import HANG_GUARD

PROGRAM = os.environ.get("REDIS_SERVER", "redis-server")


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
        command = [*installed(PROGRAM), *self._command()]
        self._process = subprocess.Popen(
            command, cwd=self.directory, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        eventually(lambda: self._answers() or self._process.poll() is not None)
        assert self._process.poll() is None, f"it did not start: {command}"
        return self

    def _command(self) -> List[str]:
        place = ["--port", str(self.port), "--bind", "127.0.0.1", "--dir", self.directory]
        return [*place, "--save", "", "--appendonly", "no", *self._arguments]

    def _answers(self) -> bool:
        with contextlib.suppress(Exception):
            return bool(self.client.ping())
        return False

    def revive(self) -> None:
        """Start it again where it was killed."""
        if self._process.poll() is not None:
            self.start()

    def kill(self) -> None:
        """End it at once, as the kernel does. Its files stay."""
        self._process.kill()
        self._process.wait()
        self.forget_client()

    def remove(self) -> None:
        """End it, and remove its files."""
        self.kill()
        shutil.rmtree(self.directory, ignore_errors=True)

    def forget_client(self) -> None:
        """Close the test's own connections."""
        client, self._client = self._client, None
        if client is not None:
            client.close()


@contextlib.contextmanager
def redis_server(*arguments: str, port: Optional[int] = None) -> Iterator[RedisServer]:
    """A server for the time of a block."""
    needs("redis-py", _has_redis_py())
    server = RedisServer(*arguments, port=port).start()
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


BUS = 10_000
"""The port on which a cluster's node talks with the others is its own port plus this."""


@contextlib.contextmanager
def cluster(replicas: int = 0) -> Iterator[Tuple[str, List[RedisServer]]]:
    """Three masters, and behind them so many replicas of each: the URL, and the servers."""
    with contextlib.ExitStack() as stack:
        nodes = [stack.enter_context(_cluster_node()) for _ in range(3 + 3 * replicas)]
        masters = nodes[:3]
        for node, slots in zip(masters, [range(5461), range(5461, 10923), range(10923, 16384)]):
            node.client.execute_command("CLUSTER", "ADDSLOTS", *slots)
        for node in nodes:
            node.client.execute_command("CLUSTER", "MEET", "127.0.0.1", nodes[0].port)
        for node in nodes:
            known = b"cluster_known_nodes:%d" % len(nodes)
            eventually(lambda: known in _reply(node, "CLUSTER INFO"))
        for node, master in zip(nodes[3:], masters * replicas):
            _replicate(node, master)
        for node in nodes:
            eventually(lambda: is_whole(node, replicas))
        yield f"redis+cluster://127.0.0.1:{nodes[0].port}", nodes


def is_whole(node: RedisServer, replicas: int) -> bool:
    """Whether a node of a cluster knows so many replicas of each master, and is in step itself."""
    shards = _reply(node, "CLUSTER SLOTS")
    known = all(len(shard) == 3 + replicas for shard in shards)
    here = node.client.info("replication")
    in_step = here.get("master_link_status") == "up" or here.get("connected_slaves") == replicas
    return b"cluster_state:ok" in _reply(node, "CLUSTER INFO") and known and in_step


@contextlib.contextmanager
def _cluster_node() -> Iterator[RedisServer]:
    port = next(one for one in iter(free_port, None) if is_free(one + BUS))
    options = (
        "--cluster-enabled yes --cluster-node-timeout 2000 --repl-diskless-sync-delay 0 "
        # A replica may take its master's place however little it has of it.
        "--cluster-replica-validity-factor 0"
    )
    with redis_server(*options.split(), port=port) as node:
        yield node


def _replicate(node: RedisServer, master: RedisServer) -> None:
    name = master.client.execute_command("CLUSTER", "MYID")
    eventually(lambda: node.client.execute_command("CLUSTER", "REPLICATE", name))


def _reply(node: RedisServer, command: str) -> Any:
    from redis import Connection

    connection = Connection(port=node.port)  # a client would turn it into a dictionary
    try:
        connection.send_command(command)
        return connection.read_response()
    finally:
        connection.disconnect()


def has_tls() -> bool:
    """Whether the program was built with TLS. It would miss a certificate then."""
    command = [*installed(PROGRAM), "--port", "0", "--tls-port", "1"]
    told = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT).stdout
    return b"Failed to configure TLS" in told


def _has_redis_py() -> bool:
    try:
        import redis
    except ImportError:
        return False
    return bool(redis)

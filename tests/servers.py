"""Real servers in processes of their own, and a reader of their event streams."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import pathlib
import signal
import socket
import subprocess
import sys
import threading
import time
from typing import Any, Iterator, List, NamedTuple

ROOT = pathlib.Path(__file__).resolve().parent.parent
HANG_GUARD = 30
"""Seconds after which a test gives up; no test measures by it."""


class Server(NamedTuple):
    """One way to run the live application.

    :ivar command: with ``{port}`` where the port goes.
    :ivar greenlets: whether its producers run on greenlets.
    """

    name: str
    command: str
    greenlets: bool


SERVERS = [
    Server("gevent.pywsgi", "-m tests.live_apps.pywsgi {port}", True),
    Server(
        "gunicorn gevent",
        "-m gunicorn -k gevent -b 127.0.0.1:{port} --log-level warning tests.live_apps.patched:app",
        True,
    ),
    Server("flask run, patched", "-m flask run --port {port}", True),
    Server("flask run, threads", "-m flask run --port {port}", False),
]


class LiveServer:
    """A running server.

    :ivar log: the lines of its stderr so far.
    """

    def __init__(self, port: int, process: "subprocess.Popen[str]", log: List[str]) -> None:
        self.port = port
        self.pid = process.pid
        self.log = log
        self._process = process

    def ended(self) -> bool:
        """Wait until the process has ended by itself."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(HANG_GUARD / 2)
        return self._process.returncode is not None

    def get(self, path: str) -> Any:
        """The JSON at a path."""
        with self.request("GET", path) as reader:
            return json.loads(reader.response.read())

    def post(self, path: str) -> None:
        """One request whose answer says nothing."""
        with self.request("POST", path) as reader:
            reader.response.read()

    def release(self, step: str) -> None:
        """Let the gated generator go on by one step."""
        self.post(f"/release/{step}")

    def entered(self) -> bool:
        """Wait until one more generator runs; one that never ran has no ``finally`` to run."""
        return self.get(f"/entered?seconds={HANG_GUARD / 2}")["entered"]

    def closed(self, seconds: float = HANG_GUARD / 2) -> bool:
        """Wait until one more generator has run its ``finally``."""
        return self.get(f"/closed?seconds={seconds}")["closed"]

    @contextlib.contextmanager
    def request(self, method: str, path: str, **arguments: Any) -> "Iterator[Reader]":
        """One request; leaving the block hangs up."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=HANG_GUARD)
        with contextlib.closing(connection):
            connection.request(method, path, **arguments)
            with contextlib.closing(connection.getresponse()) as response:
                yield Reader(response)


class Reader:
    """Reads an event stream block by block."""

    def __init__(self, response: http.client.HTTPResponse) -> None:
        self.response = response
        self._read = b""

    def block(self) -> bytes:
        """The next block, without its blank line; ``b""`` at the end of the stream."""
        while b"\n\n" not in self._read:
            piece = self.response.read1(65536)
            if not piece:
                rest, self._read = self._read, b""
                return rest
            self._read += piece
        block, _, self._read = self._read.partition(b"\n\n")
        return block

    def blocks(self) -> List[bytes]:
        """All blocks to the end."""
        return list(iter(self.block, b""))


@contextlib.contextmanager
def running(server: Server, **environment: str) -> Iterator[LiveServer]:
    """The live application on one of the servers."""
    module = "patched" if server.greenlets else "plain"
    environment["FLASK_APP"] = f"tests.live_apps.{module}:app"
    with serving(server.command, **environment) as live:
        yield live


@contextlib.contextmanager
def serving(command: str, **environment: str) -> Iterator[LiveServer]:
    """Start a Python command that listens on ``{port}``, and end it."""
    port = free_port()
    arguments = [sys.executable, *command.format(port=port).split()]
    variables = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONWARNINGS": "default", **environment}
    process = subprocess.Popen(
        arguments, cwd=ROOT, env=variables, stderr=subprocess.PIPE, universal_newlines=True
    )
    log: List[str] = []
    drain = threading.Thread(target=lambda: log.extend(process.stderr), daemon=True)
    drain.start()
    try:
        wait_for_port(port, process, log)
        yield LiveServer(port, process, log)
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(timeout=HANG_GUARD)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        drain.join(HANG_GUARD)
        process.stderr.close()


def free_port() -> int:
    """A port nobody listens on."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def wait_for_port(port: int, process: "subprocess.Popen[str]", log: List[str]) -> None:
    """Return when somebody listens."""
    deadline = time.monotonic() + HANG_GUARD
    pause = threading.Event()
    while time.monotonic() < deadline and process.poll() is None:
        with contextlib.suppress(OSError):
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
            return
        pause.wait(0.05)
    raise AssertionError("the server did not start:\n" + "".join(log))

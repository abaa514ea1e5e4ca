"""Starts real servers in processes of their own, and reads their event streams."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import pathlib
import signal
import socket
import subprocess
import tempfile
import threading
import time
from typing import Any, Iterator, List, NamedTuple, Tuple

from tests.support.certificates import certificate_for, trusting
from tests.support.ports import free_port
from tests.support.programs import ROOT, installed, python_of_mod_wsgi

HANG_GUARD = 30
"""Seconds after which a test gives up. Nothing is measured by it."""


class Server(NamedTuple):
    """One way to run the live application.

    :ivar command: its command line, with ``{port}`` and ``{app}``.
    :ivar greenlets: whether its producers run on greenlets, in a patched process.
    :ivar tls: the arguments for its own TLS; empty where it has none.
    :ivar modules: the application's module in a plain and in a patched process.
    """

    name: str
    command: str
    greenlets: bool
    tls: str = ""
    modules: Tuple[str, str] = ("plain", "patched")

    @property
    def app(self) -> str:
        """The application that it serves."""
        return f"tests.live_apps.{self.modules[self.greenlets]}:app"


GUNICORN = "gunicorn --bind 127.0.0.1:{port}"
GUNICORN_TLS = "--certfile {cert} --keyfile {key}"
FLASK = "flask run --port {port}"
FLASK_TLS = "--cert {cert} --key {key}"
WAITRESS = "waitress-serve --listen 127.0.0.1:{port}"
WAITRESS_ROOM = "--threads 100 --connection-limit 1000 --outbuf-high-watermark 65536"
UWSGI = "uwsgi --http-socket 127.0.0.1:{port} --master --die-on-term --socket-timeout 60"
UWSGI_GEVENT = f"{UWSGI} --gevent 1000 --gevent-early-monkey-patch --module {{app}}"
DAEMON = {"DAEMON": "threads=100 response-socket-timeout=60"}
APACHE = f"apache2 -DFOREGROUND -f {ROOT}/tests/live_apps/apache2.conf"

PYWSGI = Server("gevent.pywsgi", "python -m tests.live_apps.pywsgi {port}", True, "{cert} {key}")
GEVENT = Server("gunicorn gevent", f"{GUNICORN} -k gevent {{app}}", True, GUNICORN_TLS)
THREADS = Server("flask run, threads", FLASK, False, FLASK_TLS)
GTHREAD = Server(
    "gunicorn gthread", f"{GUNICORN} -k gthread --threads 100 {{app}}", False, GUNICORN_TLS
)
MOD_WSGI = Server("mod_wsgi", APACHE, False, "-DTLS")

SERVERS = [
    PYWSGI,
    GEVENT,
    Server("gunicorn gevent_pywsgi", f"{GUNICORN} -k gevent_pywsgi {{app}}", True, GUNICORN_TLS),
    Server("uWSGI gevent", UWSGI_GEVENT, True),
    Server("flask run, patched", FLASK, True, FLASK_TLS),
    THREADS,
    GTHREAD,
    Server("waitress", f"{WAITRESS} {WAITRESS_ROOM} {{app}}", False),
    Server("uWSGI threads", f"{UWSGI} --threads 100 --module {{app}}", False),
    MOD_WSGI,
]
"""The servers that serve many requests at the same time."""

SYNC = Server("gunicorn sync", f"{GUNICORN} {{app}}", False, GUNICORN_TLS)
"""It serves one request at a time."""

GRANIAN = Server(
    "Granian",
    "granian --interface wsgi --host 127.0.0.1 --port {port} --blocking-threads 100 "
    "--backpressure 100 {app}",
    False,
)
UVICORN = Server("uvicorn, a2wsgi", "uvicorn --port {port} {app}", False, modules=("asgi", ""))
HYPERCORN = Server(
    "hypercorn, a2wsgi", "hypercorn --bind 127.0.0.1:{port} {app}", False, modules=("asgi", "")
)
BRIDGE = "uvicorn --port {port} tests.live_apps.asgi"
BRIDGED = [UVICORN, HYPERCORN, Server("uvicorn, starlette", f"{BRIDGE}:by_starlette", False)]
"""WSGI applications on an ASGI server, by a bridge. None of their writes ever fails."""
BY_ASGIREF = Server("uvicorn, asgiref", f"{BRIDGE}:by_asgiref", False)
"""It serves one request at a time."""


class LiveServer:
    """A running server.

    :ivar tls: whether requests to it must use TLS.
    :ivar log: the lines of its stderr so far.
    """

    def __init__(self, port: int, process: "subprocess.Popen[str]", log: List[str]) -> None:
        self.port = port
        self.pid = process.pid
        self.log = log
        self.tls = False
        self._process = process

    def ended(self) -> bool:
        """Wait until the process has ended by itself. Tells whether it has."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(HANG_GUARD / 2)
        return self._process.returncode is not None

    def get(self, path: str) -> Any:
        """The JSON answer to a GET request."""
        with self.request("GET", path) as reader:
            return json.loads(reader.response.read())

    def post(self, path: str) -> None:
        """Send a POST request. Its answer is not used."""
        with self.request("POST", path) as reader:
            reader.response.read()

    def release(self, step: str) -> None:
        """Let the generator of ``/gated`` go on by one step."""
        self.post(f"/release/{step}")

    def frees_all_slots(self) -> bool:
        """Wait until no stream holds a slot. A stream releases it after its ``finally``."""
        pause = threading.Event()
        for _ in range(200):
            if self.get("/slots") == {"taken": 0}:
                return True
            pause.wait(0.05)
        return False

    def entered(self) -> bool:
        """Wait until one more generator runs. One that never ran has no ``finally`` to run."""
        return self.get(f"/entered?seconds={HANG_GUARD / 2}")["entered"]

    def closed(self, seconds: float = HANG_GUARD / 2) -> bool:
        """Wait until one more generator has run its ``finally``."""
        return self.get(f"/closed?seconds={seconds}")["closed"]

    def has_logged(self, words: str, patience: float = HANG_GUARD / 2) -> bool:
        """Wait until a line has these words."""
        pause = threading.Event()
        for _ in range(1 + int(patience / 0.05)):
            if any(words in line for line in list(self.log)):
                return True
            pause.wait(0.05)
        return False

    @contextlib.contextmanager
    def request(
        self, method: str, path: str, *, patience: float = HANG_GUARD, **arguments: Any
    ) -> "Iterator[Reader]":
        """Send one request. The end of the block closes the connection.

        :param patience: the longest time in seconds without a byte.
        """
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=patience)
        if self.tls:
            connection = http.client.HTTPSConnection(
                "127.0.0.1", self.port, timeout=patience, context=trusting()
            )
        with contextlib.closing(connection):
            connection.request(method, path, **arguments)
            with contextlib.closing(connection.getresponse()) as response:
                yield Reader(response)


OPENING = b": \nevent: opened\n"


class Reader:
    """Reads an event stream block by block."""

    def __init__(self, response: http.client.HTTPResponse) -> None:
        self.response = response
        self._read = b""

    def block(self) -> bytes:
        """The next block, without its blank line, or the next comment, unless it begins an opening;
        ``b""`` at the end of the stream."""
        while b"\n\n" not in self._read:
            if self._read.endswith(b"\n") and self._begins_with_comment():
                break
            piece = self.response.read1(65536)
            if not piece:
                rest, self._read = self._read, b""
                return rest
            self._read = (self._read + piece).lstrip(b"\n")
        end = b"\n" if self._begins_with_comment() else b"\n\n"
        block, _, rest = self._read.partition(end)
        self._read = rest.lstrip(b"\n")
        return block

    def _begins_with_comment(self) -> bool:
        return self._read.startswith(b": ") and not self._read.startswith(OPENING)

    def blocks(self) -> List[bytes]:
        """All blocks to the end."""
        return list(iter(self.block, b""))


@contextlib.contextmanager
def running(server: Server, tls: bool = False, **environment: str) -> Iterator[LiveServer]:
    """The live application on one of the servers."""
    command = server.command.replace("{app}", server.app)
    with tempfile.TemporaryDirectory() as folder:
        if tls:
            certificate = certificate_for("127.0.0.1", pathlib.Path(folder))
            command += " " + server.tls.format(cert=certificate.path, key=certificate.key)
        apache = {"FOLDER": folder, "ROOT": str(ROOT), "PYTHON": python_of_mod_wsgi()}
        with serving(command, FLASK_APP=server.app, **{**apache, **DAEMON, **environment}) as live:
            live.tls = tls
            yield live


@contextlib.contextmanager
def serving(command: str, port: int = 0, **environment: str) -> Iterator[LiveServer]:
    """Start a command that listens on ``{port}``, and end it with the block.

    :param command: a command line; where it begins with a dash, arguments for Python.
    :param port: the port; 0: a free one.
    """
    port = port or free_port()
    words = command.format(port=port).split()
    program = "python" if command.startswith("-") else words.pop(0)
    known = {"PYTHONPATH": str(ROOT), "PYTHONWARNINGS": "default", "PORT": str(port)}
    process = subprocess.Popen(
        [*installed(program), *words],
        cwd=ROOT,
        env={**os.environ, **known, **environment},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        universal_newlines=True,
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


def wait_for_port(port: int, process: "subprocess.Popen[str]", log: List[str]) -> None:
    """Return when the server listens."""
    deadline = time.monotonic() + HANG_GUARD
    pause = threading.Event()
    while time.monotonic() < deadline and process.poll() is None:
        with contextlib.suppress(OSError):
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
            return
        pause.wait(0.05)
    raise AssertionError("the server did not start:\n" + "".join(log))

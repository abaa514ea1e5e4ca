"""``Upstream``: a model's server over raw sockets. A script tells it what to send.

A script is a function of an :class:`Exchange`; it runs for each request, on a thread of its own for
each connection::

    with Upstream(tokens("Hel", "lo")) as upstream:
        provider = OpenAICompatible(upstream.url)
"""

from __future__ import annotations

import json
import os
import select
import socket
import ssl
import struct
import threading
from contextlib import ExitStack, contextmanager, suppress
from email.message import Message
from http.client import parse_headers
from itertools import count
from typing import Any, Callable, Dict, Iterator, List, Optional

HANG_GUARD = 20
"""Seconds after which a test counts as hanging. Nothing else depends on it."""

HEAD = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
CLOSING_HEAD = HEAD.replace("\r\n\r\n", "\r\nConnection: close\r\n\r\n")
"""Of an answer whose connection takes no further request."""

LAST_CHUNK = "0\r\n\r\n"


class Exchange:
    """One request, and the methods that send the answer.

    :ivar number_on_connection: the number of the request on its connection, from 1.
    :ivar connection: identifies the connection.
    """

    def __init__(self, sock: socket.socket, number: int = 1) -> None:
        self._sock = sock
        self.connection = id(sock)  # the upstream holds all of them until its end
        self.number_on_connection = number
        with sock.makefile("rb") as reader:
            self.method, self.path, _ = reader.readline().decode().split()
            self.headers: Message = parse_headers(reader)
            self.body = reader.read(int(self.headers.get("Content-Length", 0)))

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    def send(self, data: "str | bytes") -> None:
        self._sock.sendall(data.encode() if isinstance(data, str) else data)

    def send_chunk(self, data: "str | bytes") -> None:
        """Send one chunk of a chunked body."""
        data = data.encode() if isinstance(data, str) else data
        self.send(b"%x\r\n%s\r\n" % (len(data), data))

    def send_event(self, data: Any) -> None:
        """Send one event. Anything but text is sent as JSON."""
        text = data if isinstance(data, str) else json.dumps(data)
        self.send_chunk(f"data: {text}\n\n")

    def end(self) -> None:
        """Close our side in an orderly way (FIN)."""
        self._sock.shutdown(socket.SHUT_WR)

    def reset(self) -> None:
        """Break the connection off (RST)."""
        self._sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._sock.close()

    def hangs_up_within(self, seconds: float) -> bool:
        """Whether the client closes or resets its side in this time. It must send nothing."""
        return bool(select.select([self._sock], [], [], seconds)[0])

    def wait_for_hang_up(self) -> None:
        """Return when the client's side is closed or reset."""
        with suppress(OSError):
            while self._sock.recv(4096):
                pass


Script = Callable[[Exchange], None]


class Upstream:
    """Listens on a free port of 127.0.0.1 while its ``with`` block lasts.

    :param script: called with the exchange of each request.
    :param tls: serve ``https`` with this context.
    :ivar connected: set when a connection has been made.
    :ivar asked: set when a request has arrived.
    :ivar hung_up: set when a script has ended and the client has closed its side.
    :ivar requests: the exchanges so far.
    """

    def __init__(self, script: Script, tls: Optional[ssl.SSLContext] = None) -> None:
        self._script = script
        self._tls = tls
        self._threads: List[threading.Thread] = []
        self._connections: List[socket.socket] = []
        self.connected = threading.Event()
        self.asked = threading.Event()
        self.hung_up = threading.Event()
        self.requests: List[Exchange] = []

    def __enter__(self) -> Upstream:
        self._listener = socket.socket()
        self._listener.bind(("127.0.0.1", 0))
        self._listener.listen(16)
        scheme = "https" if self._tls else "http"
        self.url = f"{scheme}://127.0.0.1:{self._listener.getsockname()[1]}/v1"
        self._start(self._accept)
        return self

    def __exit__(self, *_: Any) -> None:
        for sock in (self._listener, *self._connections):
            with suppress(OSError):
                socket.socket.shutdown(sock, socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join(HANG_GUARD)
            assert not thread.is_alive(), "a script of the upstream has not ended"
        self._listener.close()

    def _start(self, run: Callable[..., None], *arguments: Any) -> None:
        thread = threading.Thread(target=run, args=arguments, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                sock, _ = self._listener.accept()
                sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                self.connected.set()
                self._start(self._serve, sock)

    def _serve(self, sock: socket.socket) -> None:
        with ExitStack() as closing, suppress(OSError):
            closing.callback(self.hung_up.set)
            closing.enter_context(sock)
            self._connections.append(sock)
            if self._tls is not None:
                sock = closing.enter_context(self._tls.wrap_socket(sock, server_side=True))
                self._connections.append(sock)
            with suppress(ValueError):  # it left without another request
                for number in count(1):
                    exchange = Exchange(sock, number)
                    self.requests.append(exchange)
                    self.asked.set()
                    self._script(exchange)


def tokens(
    *texts: str, gate: Optional[threading.Semaphore] = None, head: str = HEAD, **last: Any
) -> Script:
    """Stream these texts properly, and ``last`` in the last part.

    :param gate: each text waits until it is released once.
    """

    def script(exchange: Exchange) -> None:
        exchange.send(head)
        for text in texts:
            assert gate is None or gate.acquire(timeout=HANG_GUARD)
            exchange.send_event(completion(text))
        exchange.send_event(dict(completion("", "stop"), **last))
        exchange.send_event("[DONE]")
        exchange.send(LAST_CHUNK)

    return script


def events(*data: Any) -> Script:
    """Send these events and end the body."""

    def script(exchange: Exchange) -> None:
        exchange.send(HEAD)
        for item in data:
            exchange.send_event(item)
        exchange.send(LAST_CHUNK)

    return script


def answer(status: int, body: "str | bytes" = "", **headers: str) -> Script:
    """Send one whole answer."""
    content = body.encode() if isinstance(body, str) else body
    fields = {"content_type": "application/json", "content_length": str(len(content)), **headers}
    lines = [f"{name.replace('_', '-')}: {value}" for name, value in fields.items()]

    def script(exchange: Exchange) -> None:
        exchange.send("\r\n".join([f"HTTP/1.1 {status} Whatever", *lines, "\r\n"]))
        exchange.send(content)

    return script


def silence(exchange: Exchange) -> None:
    """Never answer."""


def silence_after(*texts: str) -> Script:
    """Stream these texts, and then nothing more."""

    def script(exchange: Exchange) -> None:
        exchange.send(HEAD)
        for text in texts:
            exchange.send_event(completion(text))

    return script


def completion(text: str, finish_reason: Optional[str] = None) -> Dict[str, Any]:
    """A part of an answer, as ``/completions`` streams it."""
    choice = {"index": 0, "text": text, "logprobs": None, "finish_reason": finish_reason}
    return {"object": "text_completion", "model": "m", "choices": [choice]}


def chat_delta(content: Optional[str], finish_reason: Optional[str] = None) -> Dict[str, Any]:
    """A part of an answer, as ``/chat/completions`` streams it."""
    choice = {"index": 0, "delta": {"content": content}, "finish_reason": finish_reason}
    return {"object": "chat.completion.chunk", "model": "m", "choices": [choice]}


@contextmanager
def nobody_listens() -> Iterator[str]:
    """The address of a port that refuses connections."""
    with socket.socket() as reserved:
        reserved.bind(("127.0.0.1", 0))
        yield f"http://127.0.0.1:{reserved.getsockname()[1]}/v1"


@contextmanager
def nobody_accepts() -> Iterator[str]:
    """The address of a port where connecting takes for ever: its waiting line is full."""
    with ExitStack() as closing:
        listener = closing.enter_context(socket.socket())
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        for _ in range(3):
            waiting = closing.enter_context(socket.socket())
            waiting.setblocking(False)
            with suppress(BlockingIOError):
                waiting.connect(listener.getsockname())
        yield f"http://127.0.0.1:{listener.getsockname()[1]}/v1"


@contextmanager
def nobody_shakes_hands() -> Iterator[str]:
    """The address of a port where connections are made and no byte is ever answered."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(16)
        yield f"https://127.0.0.1:{listener.getsockname()[1]}/v1"


def open_descriptors() -> int:
    return len(os.listdir("/proc/self/fd"))

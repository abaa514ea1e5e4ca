"""A model's server that obeys its prompt, and readers of the answers that are relayed from it.

A departure is measured at the model's server: it computes, and costs money, until the call to it
ends.
"""

from __future__ import annotations

import contextlib
import socket
import struct
import threading
import time
from typing import Any, Callable, Dict, Iterator, NamedTuple
from urllib.parse import urlencode

from tests.support.certificates import trusting
from tests.support.servers import HANG_GUARD, LiveServer
from tests.support.upstream import (
    CLOSING_HEAD,
    HEAD,
    Exchange,
    Upstream,
    completion,
    silence,
    silence_after,
    tokens,
)

PACE = 0.02
"""Seconds between two tokens of the script ``babble``."""


class Model(Upstream):
    """A server whose script is chosen by the prompt.

    :ivar gate: lets the script ``count`` (``one``, ``two``, ``three``) go on by one token.
    :ivar called: set when a call has begun.
    :ivar over: set when the newest call has ended and its client has closed the connection.
    """

    def __init__(self) -> None:
        super().__init__(self._obey)
        self.gate = threading.Semaphore(0)
        self.called = threading.Event()
        self.over = threading.Event()
        self._scripts = {
            "say nothing": silence,
            "say a word": silence_after("word"),
            "babble": babble,
            "count": tokens("one", "two", "three", gate=self.gate, head=CLOSING_HEAD),
        }

    def _obey(self, exchange: Exchange) -> None:
        over = self.over = threading.Event()
        self.called.set()
        try:
            self._scripts[exchange.json["messages"][-1]["content"]](exchange)
            exchange.wait_for_hang_up()
        finally:
            over.set()


def babble(exchange: Exchange) -> None:
    """Send a word every 20 ms until the client closes the connection."""
    exchange.send(HEAD)
    while not exchange.hangs_up_within(PACE):
        exchange.send_event(completion("word"))


class RelayReader:
    """Reads a relayed answer over a connection that a test can end in several ways.

    :param options: options of the stream, in seconds.
    """

    def __init__(self, live: LiveServer, prompt: str, **options: float) -> None:
        path = "/relayed?" + urlencode({"prompt": prompt, **options})
        self._socket: Any = socket.create_connection(("127.0.0.1", live.port), HANG_GUARD)
        if live.tls:
            self._socket = trusting().wrap_socket(self._socket)
        self._socket.sendall(f"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
        self._read = b""

    def read_until(self, part: bytes) -> None:
        """Return when this text has come. It and all before it are dropped."""
        while part not in self._read:
            piece = self._socket.recv(65536)
            self._read += piece
            failed = not piece or self._read.startswith(b"HTTP/1.1 5")
            assert not failed, f"{part!r} never came: {self._read!r}"
        self._read = self._read[self._read.index(part) + len(part) :]

    def read_until_cut(self) -> bytes:
        """All bytes that come before the connection is closed or reset."""
        with contextlib.suppress(ConnectionError):
            while True:
                piece = self._socket.recv(65536)
                if not piece:
                    break
                self._read += piece
        return self._read

    def close(self) -> None:
        """FIN: an orderly end. It may be called again."""
        self._socket.close()

    def reset(self) -> None:
        """RST: sent by a client that crashes or loses patience."""
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._socket.close()


WAYS_TO_LEAVE = {"FIN": RelayReader.close, "RST": RelayReader.reset}


@contextlib.contextmanager
def reading(live: LiveServer, prompt: str, **options: float) -> Iterator[RelayReader]:
    """A reader that leaves at the end of the block."""
    with contextlib.closing(RelayReader(live, prompt, **options)) as reader:
        yield reader


class Moment(NamedTuple):
    """The moment at which a reader leaves.

    :ivar seen: the text that has come by then.
    """

    name: str
    prompt: str
    options: Dict[str, float]
    seen: bytes


HELD_BACK = Moment("before anything was sent", "say nothing", {"hold": 300, "heartbeat": 1}, b"")
"""A departure before the first look at the connection may be noticed only by a heartbeat."""
WAITING = Moment("before the first token", "say nothing", {"heartbeat": 300}, b": \n")
SILENT = Moment("while the model is silent", "say a word", {}, b"word")
BUSY = Moment("while the model writes", "babble", {}, b"word")
MOMENTS = [HELD_BACK, WAITING, SILENT, BUSY]
"""Except in the first, no heartbeat is sent. So the departure is noticed by other means."""


def departure(
    live: LiveServer,
    model: Model,
    moment: Moment,
    leave: Callable[[RelayReader], None],
    stays: float = 0,
) -> float:
    """Seconds from a reader's departure until the call to the model's server has ended.

    :param stays: seconds that the reader stays after the moment.
    """
    model.called.clear()
    with reading(live, moment.prompt, **moment.options) as reader:
        reader.read_until(moment.seen)
        assert model.called.wait(HANG_GUARD), "the model's server was never asked"
        over = model.over
        time.sleep(stays)
        left_at = time.monotonic()
        leave(reader)
        assert over.wait(HANG_GUARD), "the departure was never noticed"
        return time.monotonic() - left_at

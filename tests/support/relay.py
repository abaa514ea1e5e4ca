"""A model's server that does what its prompt says, and readers of what is relayed.

A departure is measured where it counts: at the model's server, which computes, and is paid, until
the call to it ends.
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
    HEAD,
    Exchange,
    Upstream,
    completion,
    silence,
    silence_after,
    tokens,
)

PACE = 0.02
"""Seconds between two tokens of a model that babbles."""


class Model(Upstream):
    """Its script is chosen by the prompt.

    :ivar gate: lets the model that says ``one``, ``two``, ``three`` go on by one token.
    :ivar called: set when a call has begun.
    :ivar over: of the newest call; set when it has ended, and its client has hung up.
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
            "count": tokens("one", "two", "three", gate=self.gate),
        }

    def _obey(self, exchange: Exchange) -> None:
        over = self.over = threading.Event()
        self.called.set()
        try:
            self._scripts[exchange.json["prompt"]](exchange)
            exchange.wait_for_hang_up()
        finally:
            over.set()


def babble(exchange: Exchange) -> None:
    """Says a word every 20 ms while anybody listens."""
    exchange.send(HEAD)
    while not exchange.hangs_up_within(PACE):
        exchange.send_event(completion("word"))


class RelayReader:
    """Reads a relayed answer over a connection that a test can end as it likes.

    :param options: seconds, of the stream's options.
    """

    def __init__(self, live: LiveServer, prompt: str, **options: float) -> None:
        path = "/relayed?" + urlencode({"prompt": prompt, **options})
        self._socket: Any = socket.create_connection(("127.0.0.1", live.port), HANG_GUARD)
        if live.tls:
            self._socket = trusting().wrap_socket(self._socket)
        self._socket.sendall(f"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
        self._read = b""

    def read_until(self, part: bytes) -> None:
        """Return when this has come, and take it away with all before it."""
        while part not in self._read:
            piece = self._socket.recv(65536)
            self._read += piece
            failed = not piece or self._read.startswith(b"HTTP/1.1 5")
            assert not failed, f"{part!r} never came: {self._read!r}"
        self._read = self._read[self._read.index(part) + len(part) :]

    def read_until_cut(self) -> bytes:
        """All that comes before the connection is closed or reset."""
        with contextlib.suppress(ConnectionError):
            while True:
                piece = self._socket.recv(65536)
                if not piece:
                    break
                self._read += piece
        return self._read

    def close(self) -> None:
        """FIN: an orderly end. Harmless when called again."""
        self._socket.close()

    def reset(self) -> None:
        """RST: what a crash or an impatient client sends."""
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._socket.close()


WAYS_TO_LEAVE = {"FIN": RelayReader.close, "RST": RelayReader.reset}


@contextlib.contextmanager
def reading(live: LiveServer, prompt: str, **options: float) -> Iterator[RelayReader]:
    """A reader who has left when the block ends."""
    with contextlib.closing(RelayReader(live, prompt, **options)) as reader:
        yield reader


class Moment(NamedTuple):
    """When a reader leaves.

    :ivar seen: what has come by then.
    """

    name: str
    prompt: str
    options: Dict[str, float]
    seen: bytes


HELD_BACK = Moment("before anything was sent", "say nothing", {"hold": 300, "heartbeat": 1}, b"")
"""Who is gone before the first look at the connection may have to be found by a heartbeat."""
WAITING = Moment("before the first token", "say nothing", {"heartbeat": 300}, b": \n")
SILENT = Moment("while the model is silent", "say a word", {}, b"word")
BUSY = Moment("while the model writes", "babble", {}, b"word")
MOMENTS = [HELD_BACK, WAITING, SILENT, BUSY]
"""But for the first, no heartbeat comes in them: what is noticed is noticed by other means."""


def departure(
    live: LiveServer,
    model: Model,
    moment: Moment,
    leave: Callable[[RelayReader], None],
    stays: float = 0,
) -> float:
    """Seconds from the departure of a reader until the call to the model's server has ended.

    :param stays: seconds that the reader stays at the moment.
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

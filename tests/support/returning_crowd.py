"""A crowd of readers who are cut off several times, and come back with the last event they have."""

from __future__ import annotations

import heapq
import itertools
import random
import selectors
import socket
from contextlib import suppress
from time import monotonic
from typing import Any, Callable, Dict, List, Optional, Sequence, Tuple

from flask_llmstream import EventStreamDecoder

COME_BACK_SECONDS = 0.2
HANG_GUARD = 120
RESET = b"\1\0\0\0\0\0\0\0"
"""The ``SO_LINGER`` that makes a close a reset."""


class ReturningCrowd:
    """Readers of one stream each, on one thread.

    :param ports: of the servers; each connection goes to one of them at random.
    :param tokens: how many tokens each stream has.
    :param pause: seconds between two of them.
    :param cuts: how often each reader is cut off.
    :ivar refused: how often a connection or a request was refused, and tried again.
    """

    def __init__(
        self, ports: Sequence[int], readers: int, tokens: int, pause: float, cuts: int, seed: int
    ) -> None:
        self.refused = 0
        self.body = f"[{tokens}, {pause}]".encode()
        self.random = random.Random(seed)
        self._ports = list(ports)
        self._selector = selectors.DefaultSelector()
        self._due: List[Tuple[float, int, Callable[[], None]]] = []
        self._order = itertools.count()
        self.readers = [
            ReturningReader(self, f"r{number}", tokens, cuts) for number in range(readers)
        ]

    def run(self, seconds: float, then: Sequence[Tuple[float, Callable[[], None]]] = ()) -> None:
        """Let all readers come within some seconds, and read to the end.

        :param then: what else happens, and after how many seconds.
        """
        for reader in self.readers:
            self.after(self.random.uniform(0, seconds), reader.ask)
        for moment, action in then:
            self.after(moment, action)
        with self._selector:
            while self._due or self._selector.get_map():
                self._step()

    def after(self, seconds: float, action: Callable[[], None]) -> None:
        """Call ``action`` after some seconds."""
        heapq.heappush(self._due, (monotonic() + seconds, next(self._order), action))

    def send(self, request: bytes, reader: "ReturningReader") -> socket.socket:
        """A connection on which a request was sent. Its reader is called when it can be read."""
        address = f"127.0.0.{2 + next(self._order) % 200}", 0  # one address has too few ports
        port = self.random.choice(self._ports)
        connection = socket.create_connection(("127.0.0.1", port), HANG_GUARD, address)
        connection.sendall(request)
        self._selector.register(connection, selectors.EVENT_READ, reader)
        return connection

    def close(self, connection: socket.socket, reset: bool) -> None:
        """End a connection."""
        self._selector.unregister(connection)
        if reset:
            with suppress(OSError):
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
        connection.close()

    def _step(self) -> None:
        wait = max(self._due[0][0] - monotonic(), 0) if self._due else HANG_GUARD
        ready = self._selector.select(wait)
        assert ready or self._due, "nobody received anything more"
        for key, _ in ready:
            key.data.readable()
        while self._due and self._due[0][0] <= monotonic():
            heapq.heappop(self._due)[2]()


class ReturningReader:
    """One reader.

    :param cuts: how often it is cut off, at random bytes.
    :ivar text: what it has read.
    :ivar end: the type of the last event; ``None`` before.
    :ivar cut_off: how often it was.
    """

    def __init__(self, crowd: ReturningCrowd, name: str, tokens: int, cuts: int) -> None:
        self.name = name
        self.text = ""
        self.end: Optional[str] = None
        self.cut_off = 0
        self._crowd = crowd
        self._most = max(tokens * 60 // (cuts + 1), 1)  # bytes until a cut: some of the text's
        self._cuts = cuts
        self._stream_id: Optional[str] = None
        self._last = ""
        self._socket: Any = None

    def ask(self) -> None:
        """Send the request: a new one, or for the rest."""
        if self._stream_id is None:
            body = self._crowd.body
            head = f"POST /answers/{self.name} HTTP/1.0\r\nContent-Type: application/json\r\n"
            request = head.encode() + b"Content-Length: %d\r\n\r\n%b" % (len(body), body)
        else:
            last = f"Last-Event-ID: {self._last}\r\n" if self._last else ""
            request = f"GET /v1/chat/streams/{self._stream_id} HTTP/1.0\r\n{last}\r\n".encode()
        self._head, self._decoder = b"", EventStreamDecoder()
        self._is_head = True
        will_be_cut = self.cut_off < self._cuts
        self._room = self._crowd.random.randint(1, self._most) if will_be_cut else None
        try:
            self._socket = self._crowd.send(request, self)
        except OSError:
            self._again()

    def readable(self) -> None:
        """Take what has come."""
        try:
            piece = self._socket.recv(65536)
        except OSError:
            piece = b""
        if piece and self._is_head:
            piece = self._take_head(piece)
            if piece is None:
                return
        elif not piece:
            self._leave()
            if self.end is None:
                self._again()
            return
        if self._room is not None and len(piece) >= self._room:
            self._take(piece[: self._room])
            self._leave(self._crowd.random.random() < 0.5)
            if self.end is None:
                self.cut_off += 1
                self._crowd.after(self._crowd.random.uniform(0, COME_BACK_SECONDS), self.ask)
            return
        if self._room is not None:
            self._room -= len(piece)
        self._take(piece)

    def _take_head(self, piece: bytes) -> Optional[bytes]:
        """The first bytes of the body; ``None`` where there is none yet, or none that counts."""
        self._head += piece
        head, end, body = self._head.partition(b"\r\n\r\n")
        if not end:
            return None
        status, *lines = head.decode("latin-1").split("\r\n")
        if status.split()[1] != "200":
            assert status.split()[1] == "503", (self.name, self._last, self._head)
            self._leave()
            self._again()
            return None
        fields = dict(line.lower().split(": ", 1) for line in lines)
        self._stream_id = next(
            line.partition(": ")[2] for line in lines if line.lower().startswith("x-stream-id: ")
        )
        assert fields["content-type"].startswith("text/event-stream")
        self._is_head = False
        return body

    def _take(self, piece: bytes) -> None:
        for event in self._decoder.feed(piece):
            if event.event == "message":
                self.text += event.data
            elif event.event != "opened":
                self.end = f"{event.event} {event.data}".strip()
        self._last = self._decoder.last_event_id or self._last

    def _leave(self, reset: bool = False) -> None:
        self._crowd.close(self._socket, reset)

    def _again(self) -> None:
        self._crowd.refused += 1
        self._crowd.after(COME_BACK_SECONDS, self.ask)


def counts(crowd: ReturningCrowd) -> Dict[str, int]:
    """What became of the readers."""
    found: Dict[str, int] = {"readers": len(crowd.readers), "refused": crowd.refused}
    for reader in crowd.readers:
        for kind in (f"ended: {reader.end}", f"cut off {reader.cut_off} times"):
            found[kind] = found.get(kind, 0) + 1
    return found

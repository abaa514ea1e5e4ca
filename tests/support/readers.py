"""Any number of readers at the same time on one thread. Each keeps its answer."""

from __future__ import annotations

import selectors
import socket
from time import monotonic
from typing import Any, Callable, Iterable, List, Optional

from tests.support.servers import HANG_GUARD


class RawReader:
    """One request, and the bytes of its answer.

    :ivar answer: the bytes so far.
    :ivar first_block_after: seconds from the request to the first block's end; ``None`` before.
    :ivar is_over: whether the server has ended the connection.
    :ivar was_reset: whether it ended it with a reset.
    """

    def __init__(
        self, port: int, path: str, *, version: str = "1.1", accept: str = "*/*"
    ) -> None:
        self.answer = b""
        self.first_block_after: Optional[float] = None
        self.is_over = False
        self.was_reset = False
        self.socket = socket.create_connection(("127.0.0.1", port), HANG_GUARD)
        self._asked_at = monotonic()
        self.socket.sendall(
            f"GET {path} HTTP/{version}\r\nHost: localhost\r\nAccept: {accept}\r\n"
            "Connection: close\r\n\r\n".encode()
        )

    def read(self) -> None:
        """Read the bytes that have arrived."""
        try:
            piece = self.socket.recv(1 << 18)
        except ConnectionResetError:
            piece, self.was_reset = b"", True
        self.answer += piece
        self.is_over = not piece
        if self.first_block_after is None and b"\n\n" in self.answer:
            self.first_block_after = monotonic() - self._asked_at

    def read_until(self, text: bytes) -> None:
        """Read until this text has come, or the connection is over."""
        while text not in self.answer and not self.is_over:
            self.read()

    def read_to_the_end(self) -> None:
        """Read until the connection is over."""
        while not self.is_over:
            self.read()

    @property
    def is_whole(self) -> bool:
        """Has the stream completed, and the answer ended as HTTP demands?"""
        return b'"reason":"complete"' in self.answer and self.has_ended

    @property
    def has_ended(self) -> bool:
        """Has the answer ended as HTTP demands? A connection that was cut has not."""
        chunked = b"\r\ntransfer-encoding: chunked\r\n" in self.answer.lower()
        over = self.is_over and not self.was_reset
        return self.answer.endswith(b"\r\n0\r\n\r\n") if chunked else over

    def count(self, text: str) -> int:
        """How often this text is in the answer so far."""
        return self.answer.count(text.encode())


class Readers:
    """A group of readers.

    :param paths: the path that each requests.
    """

    def __init__(self, port: int, paths: Iterable[str]) -> None:
        self._selector = selectors.DefaultSelector()
        self.all: List[RawReader] = []
        for path in paths:
            reader = RawReader(port, path)
            self._selector.register(reader.socket, selectors.EVENT_READ, reader)
            self.all.append(reader)

    def __enter__(self) -> Readers:
        return self

    def __exit__(self, *_: Any) -> None:
        self._selector.close()
        for reader in self.all:
            reader.socket.close()

    def read_until(self, enough: Callable[[RawReader], bool]) -> None:
        """Read until each reader has enough, or its connection is over."""
        lacking = {reader for reader in self.all if not enough(reader)}
        while lacking:
            ready = self._selector.select(HANG_GUARD)
            assert ready, "nobody received anything more"
            for key, _ in ready:
                key.data.read()
                if key.data.is_over:
                    self._selector.unregister(key.fileobj)
                    key.data.socket.close()  # as all clients do; gunicorn waits for it
                if key.data.is_over or enough(key.data):
                    lacking.discard(key.data)

    def read_to_the_end(self) -> List[bytes]:
        """Read until all connections are over. Returns the answer of each reader."""
        self.read_until(lambda reader: reader.is_over)
        return [reader.answer for reader in self.all]

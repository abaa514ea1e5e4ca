"""A reader who takes a kilobyte now and then, beside fast readers."""

from __future__ import annotations

import io
import pathlib
import socket
from time import monotonic
from typing import Any, List, NamedTuple

from tests.bad_days.rounds import settled
from tests.support.readers import Readers
from tests.support.servers import HANG_GUARD, LiveServer

STEP = '"message":"step '
KILOBYTE = 1000
BUFFERED = 256 * 1024
"""The bytes that a stream's own buffer holds by default."""

IN_HAND = 3 * 32 * 1024
"""The bytes on their way between producer, buffer and socket: a block, joined and sent."""

TO_READ_WITH = io.DEFAULT_BUFFER_SIZE
"""The bytes that Python gives a server to read one connection with: 8 KiB, or 128 from 3.14 on."""


class SlowReader:
    """A reader who asked for more than it will ever take.

    :param host: the server's address.
    """

    def __init__(self, host: str, port: int) -> None:
        self.taken = 0
        self._socket = socket.socket()
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)
        self._socket.settimeout(HANG_GUARD)
        self._socket.connect((host, port))
        self._socket.sendall(b"GET /greedy?send_timeout=1000 HTTP/1.1\r\nHost: localhost\r\n\r\n")

    def take(self) -> None:
        """Take the next kilobyte."""
        self.taken += len(self._socket.recv(KILOBYTE))

    def close(self) -> None:
        self._socket.close()

    @staticmethod
    def most_in_the_kernel() -> int:
        """The largest send buffer of this machine's sockets, and the reader's own."""
        limits = pathlib.Path("/proc/sys/net/ipv4/tcp_wmem").read_text().split()
        return int(limits[2]) + 2 * 65536


class Figures(NamedTuple):
    """The measurements.

    :ivar first_blocks: seconds until each fast reader had its first block.
    :ivar steps: seconds of each step, until the last fast reader had it.
    :ivar ahead: bytes that the slow reader's producer made and the slow reader did not take.
    :ivar heap_kib: the growth of the server's heap.
    """

    first_blocks: List[float]
    steps: List[float]
    ahead: int
    heap_kib: int


def beside(live: LiveServer, fast: int, steps: int, slow: Any = None) -> Figures:
    """Fast readers go through so many steps. The next step is made when all have the one before.

    :param slow: makes the slow reader beside them. Default: there is none.
    """
    before = settled(live)["heap_kib"]
    already = live.get("/known")["greedy"]
    reader = None if slow is None else slow()
    with Readers(live.port, ["/steps"] * fast) as readers:
        readers.read_until(lambda one: one.first_block_after is not None)
        times = [_step(live, readers, number, reader) for number in range(1, steps + 1)]
        heap = live.get("/counts")["heap_kib"] - before
    ahead = live.get("/known")["greedy"] - already
    if reader is not None:
        ahead -= reader.taken
        reader.close()
    settled(live)
    first = [one.first_block_after or 0.0 for one in readers.all]
    return Figures(first, times, ahead, heap)


def _step(live: LiveServer, readers: Readers, number: int, slow: Any) -> float:
    if slow is not None:
        slow.take()
    began = monotonic()
    live.post("/step")
    readers.read_until(lambda one: one.count(STEP) == number)
    assert {one.count(STEP) for one in readers.all} <= {number}, "somebody lost a step"
    return monotonic() - began

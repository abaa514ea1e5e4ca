"""A crowd of readers who come and leave at random moments."""

from __future__ import annotations

import heapq
import itertools
import random
import selectors
import socket
from collections import Counter
from time import monotonic
from typing import Any, Callable, List, NamedTuple, Optional, Tuple

from tests.support.servers import HANG_GUARD

RESET = b"\1\0\0\0\0\0\0\0"
"""The ``SO_LINGER`` that makes a close a reset."""

SHORT = "/answer?tokens=10&pause={pause}"
LATE = "/answer?tokens=1&pause=0.5"
LARGE = "/answer?tokens=400&size=20000"
"""More than a socket's buffers hold, 8 MB."""


class Kind(NamedTuple):
    """How a reader behaves.

    :ivar weight: how many of 100 readers are of this kind.
    :ivar says: the part of its request that it sends, from 0 to 1.
    :ivar reads: whether it reads the answer.
    :ivar blocks: it leaves after so many blocks, at random between the two.
    :ivar seconds: it leaves after so many seconds, at random between the two. Default: never.
    """

    name: str
    weight: int
    path: str = SHORT
    says: float = 1.0
    reads: bool = True
    blocks: Tuple[int, int] = (1000, 1000)
    seconds: Optional[Tuple[float, float]] = None


KINDS = [
    Kind("reads to the end", 28),
    Kind("reads a large answer to the end", 2, LARGE + "&send_timeout=30"),
    Kind("leaves in the middle", 25, blocks=(2, 10)),
    Kind("leaves before the first token", 15, LATE, blocks=(1, 1)),
    Kind("leaves as soon as it has asked", 10, seconds=(0, 0.02)),
    Kind("leaves at the last block", 10, blocks=(12, 12)),
    Kind("never reads", 4, LARGE + "&send_timeout=1", reads=False, seconds=(0.2, 3)),
    Kind("never reads a short answer", 2, reads=False, seconds=(0.2, 2)),
    Kind("leaves amid its own request", 2, says=0.5, seconds=(0, 0.2)),
    Kind("says nothing", 2, says=0, seconds=(0, 0.2)),
]


class Crowd:
    """Readers of all kinds, at one server.

    :param readers: the number of readers.
    :param seconds: the time within which they come.
    :param pause: seconds before each token.
    :param seed: for the random numbers.
    :ivar tally: the number of readers by their kind and end.
    :ivar most: the most readers at the same time.
    """

    def __init__(self, port: int, readers: int, seconds: float, pause: float, seed: int) -> None:
        self.tally: "Counter[str]" = Counter()
        self.most = 0
        self._port = port
        self._pause = pause
        self._random = random.Random(seed)
        self._selector = selectors.DefaultSelector()
        self._due: List[Tuple[float, int, Callable[[], None]]] = []
        self._order = itertools.count()
        weights = [kind.weight for kind in KINDS]
        for number, kind in enumerate(self._random.choices(KINDS, weights, k=readers)):
            reader = CrowdReader(self, number, kind, self._random)
            self.after(self._random.uniform(0, seconds), reader.come)

    def run(self) -> Crowd:
        """Let all readers come and leave."""
        with self._selector:
            while self._due or self._selector.get_map():
                self._step()
        return self

    def after(self, seconds: float, action: Callable[[], None]) -> None:
        """Call ``action`` after some seconds."""
        heapq.heappush(self._due, (monotonic() + seconds, next(self._order), action))

    def ask(self, number: int, kind: Kind) -> socket.socket:
        """A connection on which the request, or the part that the kind sends, was sent."""
        address = f"127.0.0.{2 + number % 200}", 0  # one address has too few ports
        connection = socket.create_connection(("127.0.0.1", self._port), HANG_GUARD, address)
        path = kind.path.format(pause=self._pause)
        request = f"GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
        connection.sendall(request[: int(len(request) * kind.says)].encode())
        return connection

    def listen(self, connection: socket.socket, reader: CrowdReader) -> None:
        """Call the reader when its connection can be read."""
        self._selector.register(connection, selectors.EVENT_READ, reader)
        self.most = max(self.most, len(self._selector.get_map()))

    def forget(self, connection: socket.socket) -> None:
        """Stop calling the reader of this connection."""
        self._selector.unregister(connection)

    def _step(self) -> None:
        wait = max(self._due[0][0] - monotonic(), 0) if self._due else HANG_GUARD
        ready = self._selector.select(wait)
        assert ready or self._due, "nobody received anything more"
        for key, _ in ready:
            key.data.readable()
        while self._due and self._due[0][0] <= monotonic():
            heapq.heappop(self._due)[2]()


class CrowdReader:
    """One reader of a crowd."""

    def __init__(self, crowd: Crowd, number: int, kind: Kind, chance: random.Random) -> None:
        self._crowd = crowd
        self._number = number
        self._kind = kind
        self._resets = chance.random() < 0.5
        self._blocks_left = chance.randint(*kind.blocks)
        self._stays = None if kind.seconds is None else chance.uniform(*kind.seconds)
        self._last = b""
        self._socket: Any = None

    def come(self) -> None:
        """Send the request, and wait for the answer if the kind reads."""
        self._socket = self._crowd.ask(self._number, self._kind)
        if self._kind.reads:
            self._crowd.listen(self._socket, self)
        if self._stays is not None:
            self._crowd.after(self._stays, self._leave)

    def readable(self) -> None:
        """Take the next bytes, or the end."""
        try:
            piece = self._socket.recv(65536)
        except ConnectionResetError:
            self._end("was reset")
            return
        self._blocks_left -= piece.count(b"\n\n")
        self._last = (self._last + piece)[-200:]
        if not piece:
            self._end("whole" if b'"reason":"complete"' in self._last else "cut")
        elif self._blocks_left <= 0:
            self._leave()

    def _leave(self) -> None:
        if self._socket is None:
            return
        if self._resets:
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
        self._end("RST" if self._resets else "FIN")

    def _end(self, how: str) -> None:
        if self._kind.reads:
            self._crowd.forget(self._socket)
        self._socket.close()
        self._socket = None
        self._crowd.tally[f"{self._kind.name}: {how}"] += 1

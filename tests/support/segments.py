"""``Segments``: a relay to a server that cuts its answers into small TCP segments."""

from __future__ import annotations

import contextlib
import itertools
import socket
import threading
from typing import Callable, Iterable, Iterator, List

from tests.support.servers import HANG_GUARD

EACH_BYTE = (1,)


class Segments:
    """Takes bytes to a server on this machine, and its answers back in pieces.

    :param sizes: how many bytes each segment has, over and over; in each connection from the first.
    :param wait: called behind each segment; the next is sent when it returns.
    :ivar port: where clients connect.
    """

    def __init__(
        self,
        server_port: int,
        sizes: Iterable[int] = EACH_BYTE,
        wait: Callable[[], object] = lambda: None,
    ) -> None:
        self._server_port, self._sizes, self._wait = server_port, tuple(sizes), wait
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._threads: List[threading.Thread] = []
        self._start(self._accept)

    def __enter__(self) -> Segments:
        return self

    def __exit__(self, *_: object) -> None:
        """End when all connections have."""
        self._listener.shutdown(socket.SHUT_RDWR)  # it wakes the thread that accepts
        for thread in self._threads:
            thread.join(HANG_GUARD)
        self._listener.close()

    def _start(self, run: Callable[..., None], *arguments: socket.socket) -> None:
        thread = threading.Thread(target=run, args=arguments, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                self._start(self._serve, self._listener.accept()[0])

    def _serve(self, client: socket.socket) -> None:
        with client, socket.create_connection(("127.0.0.1", self._server_port)) as server:
            client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            asking = threading.Thread(target=copied, args=(received(client), server), daemon=True)
            asking.start()
            copied(self._pieces(server), client)
            asking.join()

    def _pieces(self, server: socket.socket) -> Iterator[bytes]:
        sizes = itertools.cycle(self._sizes)
        for block in received(server):
            while block:
                size = next(sizes)
                yield block[:size]
                block = block[size:]
                self._wait()


def received(source: socket.socket) -> Iterator[bytes]:
    return iter(lambda: source.recv(65536), b"")


def copied(pieces: Iterator[bytes], target: socket.socket) -> None:
    """Send the pieces, and behind them the end."""
    with contextlib.suppress(OSError):
        for piece in pieces:
            target.sendall(piece)
    with contextlib.suppress(OSError):
        target.shutdown(socket.SHUT_RDWR)

"""``Segments``: a relay to a server that cuts its answers into small TCP segments."""

from __future__ import annotations

import contextlib
import socket
import struct
import threading
from time import monotonic
from typing import Callable, Iterable, Iterator, List

from tests.support.servers import HANG_GUARD

SOCK_DIAG, SOCK_DIAG_BY_FAMILY, NLMSG_ERROR = 4, 20, 2
QUEUE_AT = 16 + 4 + 48 + 4
"""Where the kernel's answer has the length of the queue."""

Cut = Callable[[bytes], Iterable[bytes]]
Wait = Callable[[socket.socket, bytes], object]


class Segments:
    """Takes bytes to a server on this machine, and its answers back in pieces.

    :param cut: the segments of a block that the server sent.
    :param wait: called behind each segment, with the connection and the segment. The next one is
        sent when it returns.
    :ivar port: where clients connect.
    :ivar sent_at: when the last segment was sent, on the clock of :func:`time.monotonic`.
    """

    def __init__(self, server_port: int, cut: Cut, wait: Wait) -> None:
        self._server_port, self._cut, self._wait = server_port, cut, wait
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self.sent_at = 0.0
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
            copied(self._pieces(server, client), client)
            asking.join()

    def _pieces(self, server: socket.socket, client: socket.socket) -> Iterator[bytes]:
        for block in received(server):
            for segment in filter(None, self._cut(block)):
                yield segment
                self.sent_at = monotonic()
                self._wait(client, segment)


def received(source: socket.socket) -> Iterator[bytes]:
    return iter(lambda: source.recv(65536), b"")


def copied(pieces: Iterator[bytes], target: socket.socket) -> None:
    """Send the pieces, and behind them the end."""
    with contextlib.suppress(OSError):
        for piece in pieces:
            target.sendall(piece)
    with contextlib.suppress(OSError):
        target.shutdown(socket.SHUT_RDWR)


def wait_until_taken(client: socket.socket, segment: bytes) -> None:
    """Return when the reader has taken all, or after a quarter of a second.

    Without it the kernel joins segments, and a character arrives in pieces by chance alone.
    """
    pause, deadline = threading.Event(), monotonic() + 0.25
    while unread_bytes(client) and monotonic() < deadline:
        pause.wait(0.0002)


def unread_bytes(client: socket.socket) -> int:
    """How many bytes wait in the kernel for the other end of a connection within this machine, by
    ``sock_diag(7)``."""
    (there, port), (here, own_port) = client.getpeername(), client.getsockname()
    ends = [socket.inet_aton(host).ljust(16, b"\0") for host in (there, here)]
    asked = struct.pack("=BBBBI", socket.AF_INET, socket.IPPROTO_TCP, 0, 0, 0xFFFFFFFF)
    asked += struct.pack("!HH", port, own_port) + b"".join(ends) + bytes(4) + b"\xff" * 8
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, SOCK_DIAG) as kernel:
        kernel.send(struct.pack("=IHHII", 16 + len(asked), SOCK_DIAG_BY_FAMILY, 1, 0, 0) + asked)
        answer = kernel.recv(4096)
    is_error = struct.unpack_from("=H", answer, 4)[0] == NLMSG_ERROR  # the reader has gone
    return 0 if is_error else struct.unpack_from("=I", answer, QUEUE_AT)[0]

"""``Cable``: the way to a server, which a test can unplug as a phone loses its network."""

from __future__ import annotations

import contextlib
import socket
import threading
from typing import Any, List

from tests.support.servers import free_port


class Cable:
    """A port of this machine that leads to another.

    :ivar port: where browsers connect.
    """

    def __init__(self, to: int) -> None:
        self.port = free_port()
        self._to = to
        self._threads: List[threading.Thread] = []
        self._ends: List[socket.socket] = []
        self._live: List[bool] = []
        self._listener: Any = None
        self.plug()

    def plug(self) -> None:
        """Let new connections pass."""
        self._live = live = [True]
        self._listener = socket.create_server(("127.0.0.1", self.port))
        self._run(self._accept, self._listener, live)

    def unplug(self) -> None:
        """Let nothing pass. Open connections stay open, and are silent for ever."""
        self._live.clear()
        self._stop_listening()

    def close(self) -> None:
        """End all connections."""
        self._live.clear()
        self._stop_listening()
        for end in self._ends:
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join()
        for end in self._ends:
            end.close()

    def _stop_listening(self) -> None:
        with contextlib.suppress(OSError):  # it is unplugged already
            self._listener.shutdown(socket.SHUT_RDWR)  # this wakes the accept
        self._listener.close()

    def _accept(self, listener: socket.socket, live: List[bool]) -> None:
        with contextlib.suppress(OSError):
            while True:
                client = listener.accept()[0]
                server = socket.create_connection(("127.0.0.1", self._to))
                self._ends += [client, server]
                self._run(self._carry, client, server, live)
                self._run(self._carry, server, client, live)

    def _carry(self, source: socket.socket, target: socket.socket, live: List[bool]) -> None:
        with contextlib.suppress(OSError):
            for piece in iter(lambda: source.recv(65536), b""):
                if live:
                    target.sendall(piece)
            if live:
                target.shutdown(socket.SHUT_WR)

    def _run(self, function: Any, *arguments: Any) -> None:
        thread = threading.Thread(target=function, args=arguments)
        self._threads.append(thread)
        thread.start()

"""``ChosenConnections``: a reverse proxy whose next connection to gunicorn the test has chosen."""

from __future__ import annotations

import contextlib
import http.server
import queue
import socket
import threading
from typing import Any, List

from tests.support.servers import HANG_GUARD

PAGE = b"<!doctype html><title>A page</title>"


class ChosenConnections:
    """Has a page at ``/``, and sends each other request on over the next of the connections.

    :param connections: to the server, in the order of the requests. None of them is made here, so
        each belongs to the worker that has accepted it before.
    :ivar port: where browsers connect.
    :ivar answers: the bytes of each answer so far.
    """

    def __init__(self, connections: List[socket.socket]) -> None:
        waiting: "queue.Queue[socket.socket]" = queue.Queue()
        for connection in connections:
            waiting.put(connection)
        self.answers: List[bytearray] = []
        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), _handler(self, waiting))
        self.port: int = self._server.server_address[1]
        self._thread = threading.Thread(target=self._server.serve_forever)
        self._thread.start()

    def close(self) -> None:
        """End it. The page is closed by then, and so are the connections."""
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


def _handler(proxy: ChosenConnections, waiting: "queue.Queue[socket.socket]") -> Any:
    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            if self.path == "/":
                self.send_response(200)
                self.send_header("Content-Type", "text/html")
                self.end_headers()
                self.wfile.write(PAGE)
            elif self.path == "/favicon.ico":
                self.send_error(404)
            else:
                self._pass_on(waiting.get(timeout=HANG_GUARD))

        def _pass_on(self, server: socket.socket) -> None:
            self.headers.replace_header("Connection", "close")
            lines = [self.requestline, *(f"{name}: {self.headers[name]}" for name in self.headers)]
            server.sendall("\r\n".join([*lines, "", ""]).encode("latin-1"))
            proxy.answers.append(bytearray())
            answer = proxy.answers[-1]
            with contextlib.suppress(OSError):
                for piece in iter(lambda: server.recv(65536), b""):
                    answer += piece
                    self.wfile.write(piece)

        def log_message(self, *_: Any) -> None:
            """Say nothing."""

    return Handler

"""A client's connection, both of its ends in the test's hands."""

from __future__ import annotations

import select
import socket
import ssl
import struct
import threading
from typing import Any, Dict

from flask_llmstream.connection.socket_options import has_left
from tests.support.runtimes import HANG_GUARD


class Connection:
    """A TCP connection over loopback.

    :ivar server: the server's end.
    :ivar client: the client's end.
    """

    def __init__(self) -> None:
        with socket.socket() as listener:
            listener.bind(("127.0.0.1", 0))
            listener.listen(1)
            self.client = socket.create_connection(listener.getsockname(), HANG_GUARD)
            self.server, _ = listener.accept()

    def __enter__(self) -> Connection:
        return self

    def __exit__(self, *_: Any) -> None:
        self.client.close()
        self.server.close()

    @property
    def environ(self) -> Dict[str, Any]:
        """What a server that shows its client's socket adds to a request."""
        return {"werkzeug.socket": self.server}

    def client_sends(self, data: bytes) -> None:
        """Returns when the data is there."""
        self.client.sendall(data)
        self.server.recv(1, socket.MSG_PEEK)

    def client_closes(self) -> None:
        """FIN: an orderly end."""
        self.client.close()

    def client_resets(self) -> None:
        """RST: what a crash or an impatient client sends."""
        self.client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.client.close()

    def fill(self) -> int:
        """Send until nothing more goes through: the client reads nothing. Returns the bytes."""
        self.server.setblocking(False)
        sent = 0
        try:
            while True:
                sent += self.server.send(bytes(1 << 20))
        except BlockingIOError:
            self.server.setblocking(True)
            return sent


class TLSConnection(Connection):
    """The same under TLS, which the server itself speaks."""

    def __init__(self) -> None:
        super().__init__()
        shaking = threading.Thread(target=self._shake_hands)
        shaking.start()
        self.server = _tls(ssl.PROTOCOL_TLS_SERVER).wrap_socket(self.server, server_side=True)
        shaking.join()

    def _shake_hands(self) -> None:
        self.client = _tls(ssl.PROTOCOL_TLS_CLIENT).wrap_socket(self.client)

    def client_sends(self, data: bytes) -> None:
        """Returns when the data is there, still encrypted."""
        self.client.sendall(data)
        socket.socket.recv(self.server, 1, socket.MSG_PEEK)


class Channel:
    """What waitress's callable is a method of; it tells nothing by itself."""

    def __init__(self, connection: Connection) -> None:
        self.socket = connection.server

    def client_disconnected(self) -> bool:
        return False


def wait_until_left(server: socket.socket) -> None:
    """Wait for the kernel, which hands a departure over loopback in its own short time."""
    poll = select.poll()
    poll.register(server, select.POLLRDHUP)
    poll.poll(HANG_GUARD * 1000)
    assert has_left(server.fileno())


def cgi_environ(connection: Connection) -> Dict[str, Any]:
    """The addresses of a connection, as a server tells them that keeps the socket to itself."""
    here, port = connection.client.getpeername()
    there, far_port = connection.client.getsockname()
    names = {"SERVER_ADDR": here, "SERVER_PORT": str(port)}
    return {**names, "REMOTE_ADDR": there, "REMOTE_PORT": str(far_port)}


def _tls(protocol: int) -> ssl.SSLContext:
    """Without any certificate: nobody here has to be sure of anybody."""
    context = ssl.SSLContext(protocol)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers("aNULL:@SECLEVEL=0")
    return context

"""``Connection``: a client's connection. The test holds both ends."""

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
        """The key that a server adds to the environ to show its client's socket."""
        return {"werkzeug.socket": self.server}

    def client_sends(self, data: bytes) -> None:
        """Send, and return when the data has arrived."""
        self.client.sendall(data)
        self.server.recv(1, socket.MSG_PEEK)

    def client_closes(self) -> None:
        """FIN: an orderly end."""
        self.client.close()

    def client_resets(self) -> None:
        """RST: sent by a client that crashes or loses patience."""
        self.client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.client.close()

    def fill(self) -> int:
        """Send until nothing more is accepted: the client does not read. Returns the bytes sent."""
        self.server.setblocking(False)
        sent = 0
        try:
            while True:
                sent += self.server.send(bytes(1 << 20))
        except BlockingIOError:
            self.server.setblocking(True)
            return sent


class TLSConnection(Connection):
    """The same under the server's own TLS."""

    def __init__(self) -> None:
        super().__init__()
        shaking = threading.Thread(target=self._shake_hands)
        shaking.start()
        self.server = _tls(ssl.PROTOCOL_TLS_SERVER).wrap_socket(self.server, server_side=True)
        shaking.join()

    def _shake_hands(self) -> None:
        self.client = _tls(ssl.PROTOCOL_TLS_CLIENT).wrap_socket(self.client)

    def client_sends(self, data: bytes) -> None:
        """Send, and return when the data has arrived, still encrypted."""
        self.client.sendall(data)
        socket.socket.recv(self.server, 1, socket.MSG_PEEK)


class Channel:
    """The object whose method waitress puts into the environ. The method itself tells nothing."""

    def __init__(self, connection: Connection) -> None:
        self.socket = connection.server

    def client_disconnected(self) -> bool:
        return False


def wait_until_left(server: socket.socket) -> None:
    """Wait until the kernel shows the departure, which takes it a moment even over loopback."""
    poll = select.poll()
    poll.register(server, select.POLLRDHUP)
    poll.poll(HANG_GUARD * 1000)
    assert has_left(server.fileno())


def cgi_environ(connection: Connection) -> Dict[str, Any]:
    """The addresses of a connection, as a server tells them that does not show its socket."""
    here, port = connection.client.getpeername()
    there, far_port = connection.client.getsockname()
    names = {"SERVER_ADDR": here, "SERVER_PORT": str(port)}
    return {**names, "REMOTE_ADDR": there, "REMOTE_PORT": str(far_port)}


def _tls(protocol: int) -> ssl.SSLContext:
    """A TLS context without certificates: neither end checks the other."""
    context = ssl.SSLContext(protocol)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers("aNULL:@SECLEVEL=0")
    return context

"""A client that opens several event streams on one HTTP/2 connection.

It uses h2 directly: the usual clients on top of it send no RST_STREAM when an answer is left.
"""

from __future__ import annotations

import socket
import ssl
from typing import Any, Dict, List, Optional, Tuple

from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.errors import ErrorCodes
from h2.events import DataReceived, ResponseReceived, StreamEnded, StreamReset

from tests.support.servers import HANG_GUARD, Reader


class Http2Connection:
    """One connection under TLS. It receives only while a test waits for one of its answers.

    :param patience: the longest time in seconds without a byte.
    :raises TimeoutError: (from the methods that wait) nothing arrived.
    """

    def __init__(
        self, port: int, context: ssl.SSLContext, patience: float = HANG_GUARD
    ) -> None:
        context.set_alpn_protocols(["h2"])
        plain = socket.create_connection(("127.0.0.1", port), patience)
        self._socket = context.wrap_socket(plain, server_hostname="127.0.0.1")
        assert self._socket.selected_alpn_protocol() == "h2"
        self._authority = f"127.0.0.1:{port}"
        self._protocol = H2Connection(H2Configuration(header_encoding="utf-8"))
        self._protocol.initiate_connection()
        self._answers: Dict[int, Http2Answer] = {}

    def __enter__(self) -> Http2Connection:
        return self

    def __exit__(self, *_: Any) -> None:
        self._socket.close()

    def get(self, path: str) -> Reader:
        """Send a GET request; its answer is read block by block."""
        return self._ask([(":method", "GET"), (":path", path)], b"")

    def post_json(self, path: str, body: bytes) -> Reader:
        """Send a POST request with a JSON body."""
        headers = [(":method", "POST"), (":path", path), ("content-type", "application/json")]
        return self._ask(headers, body)

    def _ask(self, headers: List[Tuple[str, str]], body: bytes) -> Reader:
        number = self._protocol.get_next_available_stream_id()
        common = [(":scheme", "https"), (":authority", self._authority)]
        self._protocol.send_headers(number, common + headers, end_stream=not body)
        if body:
            self._protocol.send_data(number, body, end_stream=True)
        answer = self._answers[number] = Http2Answer(self, number)
        return Reader(answer)

    def reset(self, number: int) -> None:
        """Cancel one answer: RST_STREAM."""
        self._protocol.reset_stream(number, ErrorCodes.CANCEL)
        self._send()

    def receive(self) -> None:
        """Wait for bytes, and give each answer its part of them."""
        self._send()
        received = self._socket.recv(65536)
        assert received, "the proxy closed the connection"
        for event in self._protocol.receive_data(received):
            self._take(event)
        self._send()

    def _take(self, event: Any) -> None:
        if isinstance(event, ResponseReceived):
            self._answers[event.stream_id].headers = dict(event.headers)
        elif isinstance(event, DataReceived):
            self._answers[event.stream_id].unread += event.data
            self._protocol.acknowledge_received_data(
                event.flow_controlled_length, event.stream_id
            )
        elif isinstance(event, (StreamEnded, StreamReset)):
            self._answers[event.stream_id].ended = type(event)

    def _send(self) -> None:
        self._socket.sendall(self._protocol.data_to_send())


class Http2Answer:
    """One answer, with the interface of ``http.client``'s.

    :ivar ended: ``StreamEnded`` or ``StreamReset``; ``None`` before the end.
    """

    def __init__(self, connection: Http2Connection, number: int) -> None:
        self._connection = connection
        self._number = number
        self.headers: Dict[str, str] = {}
        self.unread = b""
        self.ended: Optional[type] = None

    @property
    def status(self) -> int:
        """The status. Waits for it."""
        while not self.headers:
            self._connection.receive()
        return int(self.headers[":status"])

    def read1(self, size: int) -> bytes:
        """The bytes that have arrived, at least one; ``b""`` at the end."""
        while not self.unread and not self.ended:
            self._connection.receive()
        piece, self.unread = self.unread[:size], self.unread[size:]
        return piece

    def close(self) -> None:
        """Cancel this answer. The connection and its other answers go on."""
        self._connection.reset(self._number)

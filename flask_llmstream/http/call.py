"""``HTTPCall``: one HTTP request and its answer, which any thread can end."""

from __future__ import annotations

import math
from contextlib import suppress
from itertools import chain
from time import monotonic
from typing import Any, Callable, Iterator, Mapping, Optional

from .address import Address
from .charset import text_of
from .connecting import Sockets
from .connection import Connection
from .connections import Connections
from .content_coding import decoded
from .errors import FAILURES, CallError, call_error, is_timeout
from .exchange import FINISH_SECONDS, Exchange
from .incoming import BLOCK_BYTES
from .request import HTTPRequest

MOST_START_BYTES = 8 * 1024
"""After so many bytes :meth:`HTTPAnswer.start` reads no further block. A server may send blank
lines for minutes, until it has an answer."""


class HTTPCall:
    """One request and its answer. :meth:`HTTPClient.call` makes it.

    The call takes a connection that another call has left, or makes one. It follows no redirect and
    does not read ``.netrc``. It uses the proxies of the environment, but never for a loopback
    address.

    A server may close a connection while it waits for its next call. A call that meets such a
    connection is sent again, once, on a new one. Nothing else is tried again.

    One thread or greenlet, the reader, opens the call, reads the answer and closes the call. Any
    thread may use :meth:`abort` and :attr:`aborted`, at any time.

    :param connections: where a connection comes from, and goes to.
    :param address: the URL.
    :param request: is sent.
    :ivar read_timeout: seconds without a byte, before the answer and in it; ``None``: no bound.
    """

    def __init__(self, connections: Connections, address: Address, request: HTTPRequest) -> None:
        self._connections = connections
        self._address = address
        self._request = request
        self._sockets = Sockets()
        self._exchange: Optional[Exchange] = None
        self.read_timeout = connections.read_timeout

    @property
    def aborted(self) -> bool:
        """Whether :meth:`abort` was called."""
        return self._sockets.aborted

    def abort(self) -> None:
        """End the call, also before it begins. Returns at once and raises nothing.

        A reader that waits in :meth:`open` gets :class:`~.errors.CallAborted`. A reader that waits
        for a block gets the end of the body. The reader must still close the call.
        """
        self._sockets.aborted = True
        self._sockets.hang_up()

    def open(self) -> HTTPAnswer:
        """Send the request, and wait until the headers of the answer are there. Call it once.

        :raises CallAborted: the call was aborted.
        :raises CallTimedOut: ``connect_timeout`` or ``read_timeout`` ran out.
        :raises CallFailed: the server's name is unknown, no address takes a connection, the TLS
            handshake fails, or what comes is no HTTP.
        """
        try:
            self._sockets.check()
            exchange = self._on_kept_connection() or self._on_new_connection()
        except FAILURES as error:
            raise call_error(error, self.aborted) from error
        return HTTPAnswer(exchange)

    def close(self) -> None:
        """Let go of everything, also after an error. Unless the whole answer was read, the
        connection ends, and the server sees that. A second call does nothing."""
        exchange, self._exchange = self._exchange, None
        if exchange is not None:
            self._connections.give_back(exchange, self._address, self._sockets)
        self._sockets.hang_up()

    def _on_kept_connection(self) -> Optional[Exchange]:
        """Begin on a connection that another call has left. ``None`` where there is none, or where
        its server has closed it."""
        connection = self._connections.take(self._address, self._sockets)
        if connection is None:
            return None
        try:
            exchange = self._begun(connection)
            if not exchange.came_too_late:
                return exchange
        except OSError as error:
            if self.aborted or is_timeout(error) or connection.incoming.has_begun:
                raise
        self.close()
        return None

    def _on_new_connection(self) -> Exchange:
        return self._begun(self._connections.make(self._address, self._sockets))

    def _begun(self, connection: Connection) -> Exchange:
        self._exchange = Exchange(connection, self._sockets, self._request, self.read_timeout)
        self._exchange.begin()
        return self._exchange


class HTTPAnswer:
    """The answer of an :class:`HTTPCall`. It ends when the call is closed.

    :ivar status: the HTTP status.
    :ivar headers: the headers; a name may be asked for in any case.
    """

    def __init__(self, exchange: Exchange) -> None:
        self.status = exchange.head.status
        self.headers: Mapping[str, str] = exchange.head.headers
        self._exchange = exchange
        self._start = b""
        coding = self.headers.get("Content-Encoding", "")
        self._blocks = decoded(exchange.blocks(), coding, BLOCK_BYTES)

    def start(self, suffices: Callable[[bytes], Any]) -> bytes:
        """The first bytes of the body, which :meth:`blocks` gives, too. It waits for them.

        :param suffices: whether these bytes are enough. Otherwise more are read, up to
            :data:`MOST_START_BYTES` or the body's end.
        :raises CallError: as :meth:`blocks` does.
        """
        while not suffices(self._start) and len(self._start) < MOST_START_BYTES:
            block = next(self._blocks, b"")
            if not block:
                break
            self._start += block
        return self._start

    def blocks(self) -> Iterator[bytes]:
        """The body as it arrives, in blocks of some 1 to :data:`BLOCK_BYTES` bytes, without gzip or
        deflate. Another ``Content-Encoding`` is left as it is.

        They end with the body, where the connection breaks, and at an abort. Nothing tells these
        ends apart here: the format of the body must show whether it is whole.

        :raises CallTimedOut: ``read_timeout`` ran out.
        :raises CallAborted: it ran out, and the call was aborted.
        """
        return chain([self._start] if self._start else [], self._blocks)

    def finish(self, seconds: float = FINISH_SECONDS) -> None:
        """Wait for the end of the body, which its reader has had whole, by its format. Then another
        call can use the connection.

        :param seconds: how long. Afterwards the connection is given up, and nothing is raised.
            Default: 0.02.
        """
        self._exchange.finish(seconds)

    def beginning(self, limit: int, seconds: Optional[float] = None) -> str:
        """The first part of the body as text; see :func:`~.charset.text_of`.

        It ends where :meth:`blocks` end, and where they would raise.

        :param limit: the most bytes to return.
        :param seconds: after this time no further block is read. Default: no bound.
        """
        body, until = bytearray(), monotonic() + (math.inf if seconds is None else seconds)
        with suppress(CallError):
            for block in self.blocks():
                body += block
                if len(body) >= limit or monotonic() > until:
                    break
        return text_of(bytes(body[:limit]))

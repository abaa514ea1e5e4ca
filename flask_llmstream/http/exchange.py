"""``Exchange``: one request and its answer on a connection, which may be used again afterwards."""

# mypy: disable-error-code=import-untyped

from __future__ import annotations

import re
from contextlib import suppress
from http.client import HTTPException
from time import monotonic
from typing import Iterator, Optional

from urllib3.exceptions import HTTPError

from .connecting import Sockets
from .connection import Connection
from .errors import call_error, is_timeout
from .framing import Body, OpenBody, body_of, keeps_connection
from .incoming import Head
from .request import HTTPRequest

FINISH_SECONDS = 0.02
"""How long :meth:`HTTPAnswer.finish` waits. A server sends the last chunk right after the last
event, mostly in a packet of its own. To connect anew over TLS mostly takes longer."""

_KEEP_ALIVE_TIMEOUT = re.compile(r"(?:^|[,;\s])timeout\s*=\s*\"?([0-9]{1,9})", re.IGNORECASE)
_REQUEST_TIMEOUT = 408
_MARGIN = 1
"""Seconds by which a connection is given up before its server may close it."""


class Exchange:
    """One request and its answer.

    :param connection: is in the hands of the caller.
    :param sockets: ends the waits.
    :param read_timeout: seconds without a byte; ``None``: no bound.
    :ivar connection: as given.
    :ivar head: the answer's head, after :meth:`begin`.
    """

    head: Head

    def __init__(
        self,
        connection: Connection,
        sockets: Sockets,
        request: HTTPRequest,
        read_timeout: Optional[float],
    ) -> None:
        self.connection = connection
        self._sockets = sockets
        self._request = request
        self._read_timeout = read_timeout
        self._body: Body = OpenBody()
        self._is_in_step = True

    def begin(self) -> None:
        """Send the request and read the answer's head.

        :raises OSError: the connection broke, or a wait took too long.
        :raises http.client.HTTPException: what came is no HTTP.
        """
        self.connection.set_timeout(self._read_timeout)
        self.connection.incoming.expect()
        self._send()
        self.head = self.connection.incoming.head()
        version, status, headers, is_sound = self.head
        self._body = body_of(self._request.method, status, headers)
        keeps = keeps_connection(self._request.method, status, version, headers)
        self._is_in_step = self._is_in_step and is_sound and keeps

    def _send(self) -> None:
        # An answer that comes before the request may be followed by the real one.
        if not self.connection.is_reused and self.connection.reads_early():
            self._is_in_step = False
        try:
            self.connection.send(self._request.bytes_for(self.connection.proxy))
        except (BrokenPipeError, ConnectionResetError):
            # A server may refuse a request before it has read all of it.
            self._is_in_step = False

    def blocks(self) -> Iterator[bytes]:
        """The body as it arrives; see :meth:`HTTPAnswer.blocks`. It may be called once."""
        body, incoming, sockets = self._body, self.connection.incoming, self._sockets
        try:
            while not body.is_over and not sockets.aborted:  # what has arrived outlasts an abort
                data = incoming.read()
                if not data:
                    return
                block = body.take(data)
                if block:
                    yield block
        except (HTTPError, HTTPException, OSError) as error:
            if is_timeout(error):
                raise call_error(error, sockets.aborted) from error

    def finish(self, seconds: float) -> None:
        """Wait for the end of the body; see :meth:`HTTPAnswer.finish`."""
        until = monotonic() + seconds
        with suppress(HTTPError, HTTPException, OSError):
            while not self._body.is_over and not self._sockets.aborted:
                self.connection.set_timeout(max(until - monotonic(), 0))
                data = self.connection.incoming.read()
                if not data:
                    return
                self._body.take(data)

    @property
    def came_too_late(self) -> bool:
        """Whether the server had ended the connection while it waited, and says so with status 408
        (RFC 9110, 15.5.9): the answer is none to this request."""
        return self.head.status == _REQUEST_TIMEOUT and not self._is_in_step

    @property
    def is_complete(self) -> bool:
        """Whether the answer was read to its exact end, and another one may follow."""
        body = self._body
        whole = body.is_whole and not body.behind and not self.connection.has_rest
        return self._is_in_step and whole

    @property
    def seconds_kept(self) -> float:
        """How long the server keeps the connection, as it says."""
        said = _KEEP_ALIVE_TIMEOUT.search(self.head.headers.get("Keep-Alive", ""))
        return float("inf") if said is None else int(said[1]) - _MARGIN

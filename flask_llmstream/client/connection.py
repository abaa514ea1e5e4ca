"""``Connection``: one request of a reader, and its response as it arrives."""

# mypy: disable-error-code=import-untyped

from __future__ import annotations

import math
import re
from contextlib import suppress
from typing import Any, Callable, Iterator, Mapping, NamedTuple, Optional, Tuple

from requests import HTTPError, Response, Session
from urllib3.response import HTTPResponse

from ..http.charset import text_of
from ..http.connecting import Sockets
from ..http.content_coding import decoded
from ..http.errors import FAILURES, is_timeout
from .breaks import why
from .deadlines import Deadlines
from .decoder import begins_answer
from .errors import (
    ConnectionFailed,
    EventSourceError,
    NotAnEventStream,
    StreamTruncated,
)
from .failures import refused
from .sessions import Wire, endable, release

_BLOCK_BYTES = 16 * 1024
_MOST_START_BYTES = 64 * 1024
_MOST_ERROR_BYTES = 64 * 1024
_FINISH_SECONDS = 1.0
_ERROR_SECONDS = 5.0
_LENGTH = re.compile(r"(\d{1,15})(?:\s*,\s*\1)*", re.ASCII)  # it may be repeated (RFC 9110, 8.6)
_CODINGS = ("", "identity", "none", "gzip", "x-gzip", "deflate")


class Request(NamedTuple):
    """What is sent.

    :ivar arguments: the others of ``Session.request``.
    """

    method: str
    url: str
    headers: Mapping[str, Any]
    arguments: Mapping[str, Any] = {}


class Connection:
    """One request and its response. The reader opens it, reads it and closes it.

    :param session: its copy makes the request.
    :param sockets: watches the sockets. Its ``aborted`` and ``hang_up()`` end each wait.
    :param deadlines: bound each wait.
    :ivar response: the response; ``None`` before there is one.
    """

    def __init__(self, session: Session, sockets: Sockets, deadlines: Deadlines) -> None:
        self._wire = Wire(sockets)
        self._session = endable(session, self._wire)
        self._deadlines = deadlines
        self._blocks: Iterator[bytes] = iter(())
        self.response: Optional[Response] = None

    def open(self, request: Request) -> Response:
        """Send the request, and wait for the headers of its response.

        :raises ConnectionFailed: no answer came.
        :raises StreamStalled: a deadline ran out.
        """
        try:
            self._wire.sockets.check()
            self.response = self._send(request)
        except FAILURES as error:
            if isinstance(error, ValueError) and not self._wire.is_connected:
                raise  # the URL can't be asked; behind a redirect it is the server's
            raise self._unopened(error) from error
        self._watch_unwatched()
        coding = self.response.headers.get("Content-Encoding", "")
        self._blocks = decoded(self._raw_blocks(), coding, _BLOCK_BYTES)
        return self.response

    def _send(self, request: Request) -> Response:
        timeout = (self._deadlines.connect, self._deadlines.next())
        options = {"stream": True, "timeout": timeout, **request.arguments}
        try:
            return self._session.request(
                request.method, request.url, headers=dict(request.headers), **options
            )
        except HTTPError as error:  # from a hook of the session's, by raise_for_status()
            if error.response is None:
                raise
            return error.response

    def pieces(self) -> Iterator[bytes]:
        """The body, as it arrives.

        :raises ServerFailure: the status tells one.
        :raises NotAnEventStream: its beginning is none.
        :raises StreamTruncated: the connection broke.
        :raises StreamStalled: a deadline ran out.
        """
        assert self.response is not None
        if self.response.status_code >= 300:
            raise self._refusal()
        yield self._start(self.response)
        yield from self._blocks

    def finish(self) -> None:
        """Read what follows the end of the answer: the end of the body."""
        with suppress(EventSourceError), self._deadlines.bounded(_FINISH_SECONDS):
            for _ in self._blocks:
                pass

    def close(self) -> None:
        """Let go of everything."""
        if self.response is not None:
            self.response.close()
        release(self._session)
        self._wire.close()

    def _start(self, response: Response) -> bytes:
        """The first bytes, which show that the body can be read."""
        kind = response.headers.get("Content-Type", "").split(";")[0].strip().lower()
        coding = response.headers.get("Content-Encoding", "").strip().lower()
        is_labelled = kind == "text/event-stream" and coding in _CODINGS
        start, begins = b"", True if is_labelled else None
        for block in self._blocks:
            start += block
            begins = begins or begins_answer(start)
            if begins is not None or len(start) > _MOST_START_BYTES:
                break
        if not begins and (start.strip() or kind != "text/event-stream"):
            raise _no_stream(response, kind, coding, start)
        return start

    def _refusal(self) -> EventSourceError:
        response = self.response
        assert response is not None
        body = b""
        # The status tells enough, if the words do not come.
        with suppress(EventSourceError), self._deadlines.bounded(_ERROR_SECONDS):
            for block in self._blocks:
                body += block
                if len(body) >= _MOST_ERROR_BYTES:
                    break
        text = text_of(body[:_MOST_ERROR_BYTES])
        return refused(response.status_code, response.reason, response.headers, text)

    def _raw_blocks(self) -> Iterator[bytes]:
        read, left = self._reading()
        try:
            while left > 0:
                block = read(_BLOCK_BYTES)
                if not block:
                    break
                left -= len(block)
                yield block
        except FAILURES as error:
            raise self._broken(error) from error
        if 0 < left < math.inf:
            raise StreamTruncated(f"The connection broke: the body lacks {left:.0f} bytes.")

    def _reading(self) -> Tuple[Callable[[int], bytes], float]:
        """What reads the body, and the number of bytes of the body."""
        assert self.response is not None
        raw, headers = self.response.raw, self.response.headers
        length = _LENGTH.fullmatch(headers.get("Content-Length", "").strip())
        if length is None or "Transfer-Encoding" in headers:
            return self._bounded(_read1_of(raw)), math.inf
        return self._bounded(_read1_of(raw)), int(length[1])

    def _bounded(self, read: Callable[[int], bytes]) -> Callable[[int], bytes]:
        sock, deadlines = self._wire.sock, self._deadlines

        def bounded(most: int) -> bytes:
            seconds = deadlines.next()
            if sock is not None:
                sock.settimeout(seconds)
            return read(most)

        return bounded

    def _watch_unwatched(self) -> None:
        """Watch the socket of a connection that urllib3 has not made: at least its answer can be
        ended."""
        connection = getattr(getattr(self.response, "raw", None), "_connection", None)
        sock = getattr(connection, "sock", None)
        if self._wire.sock is None and sock is not None and sock.fileno() >= 0:
            self._wire.sock = sock
            self._wire.sockets.watch(sock)

    def _unopened(self, error: Exception) -> EventSourceError:
        if is_timeout(error) and self._wire.is_connected:
            return self._deadlines.ran_out()
        return ConnectionFailed(f"The server can't be reached: {why(error)}.")

    def _broken(self, error: Exception) -> EventSourceError:
        if is_timeout(error):
            return self._deadlines.ran_out()
        return StreamTruncated(f"The connection broke: {why(error)}.")


def _no_stream(response: Response, kind: str, coding: str, start: bytes) -> NotAnEventStream:
    coded = "" if coding in _CODINGS else f", its coding {coding!r}"
    begins = text_of(start[:60])
    return NotAnEventStream(
        f"The server answered {response.status_code} without an event stream: "
        f"its type is {kind or 'unknown'!r}{coded}, and it begins with {begins!r}.",
        status=response.status_code,
        id=response.headers.get("X-Request-ID"),
    )


def _read1_of(raw: Any) -> Callable[[int], bytes]:
    """What reads from a body at most so many bytes, as soon as some are there."""
    if isinstance(raw, HTTPResponse):
        if hasattr(raw, "read1"):
            return lambda most: raw.read1(most, decode_content=False)
        raw = raw._fp  # an older urllib3
    return raw.read1 if hasattr(raw, "read1") else raw.read  # type: ignore[no-any-return]

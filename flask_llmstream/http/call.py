"""``HTTPCall``: one HTTP request and its answer, which any thread can end."""

# mypy: disable-error-code=import-untyped

from __future__ import annotations

import math
import socket
from contextlib import ExitStack, suppress
from http.client import HTTPException
from itertools import chain
from ssl import SSLContext
from time import monotonic
from typing import Any, Callable, Iterator, Mapping, Optional
from urllib.parse import urlsplit

from requests import Request, RequestException, Response, Timeout
from urllib3.exceptions import HTTPError, ReadTimeoutError

from ..errors import LLMStreamError
from .abortable import AbortableAdapter
from .charset import text_of
from .content_coding import decoded
from .environment import proxies_for, trusted_authorities
from .tls import tls_context

BLOCK_BYTES = 16 * 1024
"""The most bytes of one block. The hub gets its turn between two blocks, and the work on one takes
some 5 ms, whatever it holds."""

MOST_START_BYTES = 8 * 1024
"""After so many bytes :meth:`HTTPAnswer.start` reads no further block. A server may send blank
lines for minutes, until it has an answer."""


class CallError(LLMStreamError):
    """A call got no answer, or its answer stopped. The message names the cause, for the log."""


class CallAborted(CallError):
    """:meth:`HTTPCall.abort` was called."""


class CallTimedOut(CallError):
    """Connecting took too long, or the server was silent for too long."""


class CallFailed(CallError):
    """No connection could be made, or it broke before the answer began."""


class HTTPCall:
    """One request and its answer. Make a new call for each request.

    The call has a connection of its own, and makes it in :meth:`open`. It follows no redirect,
    does not try again and does not read ``.netrc``. It uses the proxies of the environment, but
    never for a loopback address.

    One thread or greenlet, the reader, opens the call, reads the answer and closes the call. Any
    thread may use :meth:`abort` and :attr:`aborted`, at any time.

    :param url: an absolute URL, ``http`` or ``https``.
    :param headers: the request's headers. ``Host``, ``Content-Length``, ``User-Agent`` and
        ``Accept-Encoding: identity`` are added where they are missing.
    :param body: Default: none.
    :param connect_timeout: seconds to look the server's name up, and then for each of its
        addresses. Default: no bound.
    :param read_timeout: seconds without a byte, before the answer and in it. Default: no bound.
    :param ca_bundle: the file or folder of the certificate authorities to trust, for ``https``.
        Default: see :func:`~flask_llmstream.http.environment.trusted_authorities`.
    :ivar read_timeout: as given.
    :raises ValueError: ``url`` or a header can't be sent.
    :raises OSError: the certificate authorities can't be read.
    """

    def __init__(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str],
        body: Optional[bytes] = None,
        connect_timeout: Optional[float] = None,
        read_timeout: Optional[float] = None,
        ca_bundle: Optional[str] = None,
    ) -> None:
        self._request = Request(method, url, headers, data=body).prepare()
        self._connect_timeout = connect_timeout
        self.read_timeout = read_timeout
        self._proxies = proxies_for(url)
        self._adapter = AbortableAdapter(_tls(url, ca_bundle))
        self._closing = ExitStack()
        self._closing.callback(self._adapter.close)

    @property
    def aborted(self) -> bool:
        """Whether :meth:`abort` was called."""
        return self._adapter.aborted

    def abort(self) -> None:
        """End the call, also before it begins. Returns at once and raises nothing.

        A reader that waits in :meth:`open` gets :class:`CallAborted`. A reader that waits for a
        block gets the end of the body. The reader must still close the call.
        """
        self._adapter.abort()

    def open(self) -> HTTPAnswer:
        """Send the request, and wait until the headers of the answer are there. Call it once.

        :raises CallAborted: the call was aborted.
        :raises CallTimedOut: ``connect_timeout`` or ``read_timeout`` ran out.
        :raises CallFailed: the server's name is unknown, no address takes a connection, the TLS
            handshake fails, or what comes is no HTTP.
        """
        timeouts: Any = (self._connect_timeout, self.read_timeout)
        try:
            response = self._adapter.send(
                self._request, stream=True, timeout=timeouts, proxies=self._proxies
            )
        except (RequestException, HTTPError, OSError) as error:
            raise _call_error(error, self._adapter) from error
        self._closing.callback(response.close)
        return HTTPAnswer(response, self._adapter)

    def close(self) -> None:
        """End the connection and let go of everything, also after an error. The server sees the
        connection end. A second call does nothing."""
        self._closing.close()


class HTTPAnswer:
    """The answer of an :class:`HTTPCall`. It ends when the call is closed.

    :ivar status: the HTTP status.
    :ivar headers: the headers; a name may be asked for in any case.
    """

    def __init__(self, response: Response, adapter: AbortableAdapter) -> None:
        self.status: int = response.status_code
        self.headers: Mapping[str, str] = response.headers
        self._start = b""
        coding = self.headers.get("Content-Encoding", "")
        self._blocks = decoded(_arriving(response.raw, adapter), coding, BLOCK_BYTES)

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


def _arriving(raw: Any, adapter: AbortableAdapter) -> Iterator[bytes]:
    """The body as it is sent. It does not refer to the answer, which would be a cycle."""
    # ``iter_lines`` and ``iter_content`` would wait for a block to fill up, ``read1`` takes the
    # bytes at hand. urllib3 has it since 2.1; before, the response that it wraps does.
    read = getattr(raw, "read1", None) or raw._fp.read1
    try:
        while not adapter.aborted:  # bytes that have arrived outlast the shutdown
            block = read(BLOCK_BYTES)
            if not block:
                return
            yield block
    except (ReadTimeoutError, socket.timeout) as error:
        raise _call_error(error, adapter) from error
    except (HTTPError, HTTPException, OSError):
        return


def _tls(url: str, ca_bundle: Optional[str]) -> Optional[SSLContext]:
    if urlsplit(url).scheme != "https":
        return None
    return tls_context(ca_bundle or trusted_authorities())


def _call_error(error: BaseException, adapter: AbortableAdapter) -> CallError:
    if adapter.aborted:
        return CallAborted("aborted")
    root = _root_cause(error)
    message = f"{type(root).__name__}: {root}"
    if isinstance(error, (Timeout, ReadTimeoutError, socket.timeout)):
        return CallTimedOut(message)
    return CallFailed(message)


def _root_cause(error: BaseException) -> BaseException:
    """The error that caused the others: those of requests are long and say little."""
    while error.__cause__ or error.__context__:
        error = error.__cause__ or error.__context__  # type: ignore[assignment]
    return error

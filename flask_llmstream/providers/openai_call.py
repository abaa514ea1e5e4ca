"""``OpenAICall``: one call to a server with OpenAI's API, its answer read as it comes."""

# mypy: disable-error-code=import-untyped

from __future__ import annotations

import math
import socket
from contextlib import closing, suppress
from http.client import HTTPException
from time import monotonic
from typing import Any, Dict, Generator, Iterable, Iterator, NoReturn, Optional, Tuple

from requests import PreparedRequest, RequestException, Response, Timeout
from urllib3.exceptions import HTTPError, ReadTimeoutError

from ..errors import EventTooLarge, ProviderError
from ..http.abortable import AbortableAdapter
from ..sse.decoder import EventStreamDecoder, MessageEvent
from .base import Delta
from .openai_chunk import Chunk, parse_chunk, usage_of
from .upstream_errors import UpstreamErrors

_BLOCK_BYTES = 16 * 1024
"""So much is read between two turns of the hub: whatever it holds, some 5 ms of work."""

_MAX_ERROR_BYTES = 16 * 1024
_MAX_WHOLE_BYTES = 4 * 1024 * 1024


class OpenAICall:
    """One call.

    :param adapter: carries this call only, and is closed after it.
    :param timeouts: seconds to connect and between two reads; ``None``: no bound.
    :param proxies: the proxy for each scheme, as requests wants them.
    """

    def __init__(
        self,
        request: PreparedRequest,
        adapter: AbortableAdapter,
        timeouts: Tuple[Optional[float], Optional[float]],
        proxies: Dict[str, str],
        errors: UpstreamErrors,
    ) -> None:
        self._request = request
        self._adapter = adapter
        self._timeouts: Any = timeouts
        self._proxies = proxies
        self._errors = errors

    def deltas(self) -> Generator[Delta, None, None]:
        """Make the call; the deltas of its answer, then its usage.

        :raises ProviderError: what the server did wrong, or that the call was aborted.
        """
        try:
            with closing(self._send()) as response:
                yield from _deltas(self._chunks(response))
        finally:
            self._adapter.close()

    def _send(self) -> Response:
        try:
            return self._adapter.send(
                self._request, stream=True, timeout=self._timeouts, proxies=self._proxies
            )
        except (RequestException, HTTPError, OSError) as error:
            self._lost(error)

    def _chunks(self, response: Response) -> Iterable[Chunk]:
        if response.status_code != 200:
            self._refused(response)
        content_type = response.headers.get("Content-Type", "none").partition(";")[0].lower()
        encoding = response.headers.get("Content-Encoding", "identity")
        if encoding == "identity":
            if content_type == "text/event-stream":
                return self._streamed(response)
            if content_type == "application/json":
                return [self._parse(self._beginning(response, _MAX_WHOLE_BYTES))]
        self._errors.fail(
            "provider_answer",
            "The model's server did not answer with an event stream.",
            f"Content-Type {content_type}, Content-Encoding {encoding}: "
            + self._complaint(response),
        )

    def _streamed(self, response: Response) -> Iterator[Chunk]:
        """The chunks of an event stream, up to ``[DONE]``.

        A server may leave ``[DONE]`` out once it has told why the model stopped. A body that ends
        without either was cut off, however politely.
        """
        finished = False
        for event in self._events(response):
            if event.data.strip() == "[DONE]":
                return
            chunk = self._parse(event.data)
            finished = finished or chunk.finish_reason is not None
            yield chunk
        if not finished:
            self._ended_early()

    def _events(self, response: Response) -> Iterator[MessageEvent]:
        decoder = EventStreamDecoder()
        for block in self._blocks(response):
            try:
                events = decoder.feed(block)
            except EventTooLarge as error:
                self._unreadable(str(error))
            yield from events

    def _blocks(self, response: Response) -> Iterator[bytes]:
        """The body as it arrives, until it ends or is cut off.

        ``iter_lines`` and ``iter_content`` would wait for a block to fill up, ``read1`` takes
        what is there. urllib3 has it since 2.1; before, the response that it wraps does.
        """
        raw: Any = response.raw
        read = getattr(raw, "read1", None) or raw._fp.read1
        try:
            while not self._adapter.aborted:  # what was under way by then still arrives
                block = read(_BLOCK_BYTES)
                if not block:
                    return
                yield block
        except (ReadTimeoutError, socket.timeout) as error:
            self._lost(error)
        except (HTTPError, HTTPException, OSError):
            return

    def _beginning(self, response: Response, limit: int, seconds: float = math.inf) -> str:
        """What arrives of a body, up to a limit of bytes and one of time; an error or a silence
        ends it."""
        body, until = bytearray(), monotonic() + seconds
        with suppress(ProviderError):
            for block in self._blocks(response):
                body += block
                if len(body) >= limit or monotonic() > until:
                    break
        return body[:limit].decode(errors="replace")

    def _complaint(self, response: Response) -> str:
        """What a server says that does not answer; one that dawdles over it is not waited for."""
        return self._beginning(response, _MAX_ERROR_BYTES, self._timeouts[1] or math.inf)

    def _parse(self, data: str) -> Chunk:
        try:
            chunk = parse_chunk(data)
        except ValueError as error:
            self._unreadable(f"{error}: {data}")
        if chunk.error is not None:
            self._errors.refuse_in_band(chunk.error)
        return chunk

    def _refused(self, response: Response) -> NoReturn:
        said = self._complaint(response)
        self._errors.refuse(response.status_code, said, response.headers.get("Retry-After"))

    def _unreadable(self, detail: str) -> NoReturn:
        message = "The model's server sent something that is no part of an answer."
        self._errors.fail("provider_answer", message, detail)

    def _ended_early(self) -> NoReturn:
        if self._adapter.aborted:
            self._errors.fail("aborted", "The answer was stopped.", "aborted")
        message = "The model's server ended the answer before its end."
        self._errors.fail("truncated", message, "the body ended without [DONE]")

    def _lost(self, error: BaseException) -> NoReturn:
        """The connection could not be made, or nothing came over it for too long."""
        if self._adapter.aborted:
            self._ended_early()
        root = _root_cause(error)
        detail = f"{type(root).__name__}: {root}"
        if isinstance(error, (Timeout, ReadTimeoutError, socket.timeout)):
            message = "The model's server did not answer in time."
            self._errors.fail("provider_timeout", message, detail, status=504)
        message = "The model's server can't be reached."
        self._errors.fail("provider_unreachable", message, detail)


def _deltas(chunks: Iterable[Chunk]) -> Iterator[Delta]:
    finish_reason, usage = "stop", None
    for chunk in chunks:
        if chunk.text:
            yield chunk.text
        finish_reason = chunk.finish_reason or finish_reason
        usage = chunk.usage or usage
    yield usage_of(usage, finish_reason)


def _root_cause(error: BaseException) -> BaseException:
    """The error at the bottom: requests' own say little and are long."""
    while error.__cause__ or error.__context__:
        error = error.__cause__ or error.__context__  # type: ignore[assignment]
    return error

"""The exceptions of this package: one small tree. Standard library only, no I/O."""

from __future__ import annotations

import re
from typing import Mapping, Optional


class LLMStreamError(Exception):
    """The root: ``except LLMStreamError`` catches every exception of this package."""


class ConfigurationError(LLMStreamError, ValueError):
    """A config key or an option has a value that can't work. The message names it and the cure."""


class EventTooLarge(LLMStreamError, ValueError):
    """A line or an event of an event stream grew past the decoder's limit.

    :ivar limit: the limit, in bytes.
    """

    def __init__(self, limit: int) -> None:
        super().__init__(f"an event is larger than the limit of {limit} bytes")
        self.limit = limit


class StreamClosed(LLMStreamError):
    """Something was sent to a stream that has ended.

    :ivar reason: why it ended: ``complete``, ``error``, ``timeout``, ``disconnect``,
        ``cancelled``, ``overflow`` or ``shutdown``.
    """

    def __init__(self, reason: str) -> None:
        super().__init__(f"the stream has ended ({reason})")
        self.reason = reason


class StreamNotStarted(LLMStreamError):
    """A send would have to wait for a reader, but the code that sends must first return the
    response that the reader reads."""


class StreamError(LLMStreamError):
    """A failure whose message may be shown to the client.

    Raise it (or a subclass) in a generator to choose what the reader sees. Before the first event
    it becomes the response's status, after it the format's error event.

    :param message: one sentence for the reader of the answer.
    :param code: the class of failure, a stable word for programs.
    :param status: the HTTP status before the first event.
    :param retry_after: seconds until another try makes sense; sent as ``Retry-After``.
    """

    code: str = "error"
    status: int = 500

    def __init__(
        self,
        message: str,
        *,
        code: Optional[str] = None,
        status: Optional[int] = None,
        retry_after: Optional[int] = None,
    ) -> None:
        super().__init__(message)
        self.code = code or self.code
        self.status = status or self.status
        self.retry_after = retry_after


_BOUNDARY = re.compile(r"[.[]")


def client_name(field: str, names: Mapping[str, str]) -> str:
    """A field as the client knows it.

    :param names: the client's names of fields or of places in them, by ours. The longest that fits
        counts.
    """
    for end in [len(field), *(each.start() for each in reversed([*_BOUNDARY.finditer(field)]))]:
        if field[:end] in names:
            return names[field[:end]] + field[end:]
    return field


class RequestError(StreamError):
    """A request that can't be served as it is.

    :ivar field: the part of the request that is wrong; ``None`` for all of it.
    """

    code = "invalid_request"
    status = 400

    def __init__(self, message: str, *, field: Optional[str] = None) -> None:
        super().__init__(f"{field}: {message}" if field else message)
        self.field = field

    def rename_field(self, names: Mapping[str, str]) -> None:
        """Name the field as the client knows it.

        :param names: as of :func:`client_name`.
        """
        if self.field:
            field, self.field = self.field, client_name(self.field, names)
            self.args = (str(self).replace(field, self.field, 1),)


class UnknownModel(RequestError):
    """The request names a model that is not registered (404)."""

    code = "unknown_model"
    status = 404


class UnsupportedMediaType(RequestError):
    """The request's body is not JSON (415)."""

    code = "unsupported_media_type"
    status = 415


class RequestTooLarge(RequestError):
    """The request's body is over the limit (413)."""

    code = "request_too_large"
    status = 413


class IdempotencyKeyReused(RequestError):
    """The ``Idempotency-Key`` of a request was another's, with another body (422)."""

    code = "idempotency_key_reused"
    status = 422

    def __init__(
        self, message: str = "was sent with another request; make a new one for each request"
    ) -> None:
        super().__init__(message, field="Idempotency-Key")


class CrossSiteRequest(RequestError):
    """A page of another site sent the request, or may have sent it, to run a model (403)."""

    code = "cross_site"
    status = 403


class StreamRefused(StreamError):
    """There is no room for another stream: 503, or 429 where a client has reached its own limit."""

    code = "too_many_streams"
    status = 503


class StreamGone(StreamError):
    """A reader came back to an answer that is not made again: 410, or 204 where it had it all."""

    code = "gone"
    status = 410


class ReplayUnavailable(StreamError):
    """The storage behind ``reconnect="resume"`` can't be reached (503)."""

    code = "replay_unavailable"
    status = 503

    def __init__(
        self, message: str = "Answers can't be kept at the moment. Try again in a moment."
    ) -> None:
        super().__init__(message, retry_after=1)


class ReplayFull(StreamRefused):
    """As many streams run as the storage behind ``reconnect="resume"`` may hold (503)."""

    def __init__(
        self, message: str = "Too many answers are being streamed. Try again in a moment."
    ) -> None:
        super().__init__(message, retry_after=1)


class StreamIsProduced(StreamError):
    """A stream has a producer already, or has ended (409).

    :ivar stream_id: the stream's ID.
    :ivar has_ended: whether it has ended.
    """

    code = "already_produced"
    status = 409

    def __init__(self, stream_id: str, has_ended: bool = False) -> None:
        super().__init__(f"This stream has {'ended' if has_ended else 'a producer already'}.")
        self.stream_id = stream_id
        self.has_ended = has_ended


class UnknownStream(StreamError):
    """There is no stream of this ID, or it is another owner's (404)."""

    code = "unknown_stream"
    status = 404

    def __init__(self, message: str = "There is no such stream.") -> None:
        super().__init__(message)


class ProducerLost(StreamError):
    """The process that produced a stream has died, or can't be reached (502)."""

    code = "producer_lost"
    status = 502

    def __init__(
        self, message: str = "The server lost this answer before it was whole. Ask again."
    ) -> None:
        super().__init__(message)


class StreamTimeout(StreamError):
    """One of a stream's timeouts ran out."""

    code = "timeout"
    status = 504


class StreamOverflow(StreamError):
    """An item found no room, and the overflow strategy ends the stream."""

    code = "overflow"
    status = 503

    def __init__(
        self, message: str = "The answer came faster than it was read, and was ended there."
    ) -> None:
        super().__init__(message)


class StreamShutdown(StreamError):
    """A stream was ended before its answer was complete: the server stops, or the connection has
    reached ``max_lifetime``.

    :param retry: the reader's reconnection time, in milliseconds. Default: none is sent.
    """

    code = "shutdown"
    status = 503

    def __init__(self, message: str, *, retry: Optional[int] = None) -> None:
        seconds = None if retry is None else -(-retry // 1000)
        super().__init__(message, retry_after=seconds)
        self.retry = retry


class ProviderError(StreamError):
    """The model's server failed.

    :ivar upstream_status: the HTTP status of its answer; ``None`` where it did not answer.
    :ivar field: the part of the request that the server calls wrong; ``None`` where it named none.
        The client gets it as ``param`` and as ``field``.
    :ivar upstream_code: the server's own word for what is wrong with the request, such as
        ``context_length_exceeded``. The client gets it as ``code``. ``None`` where it gave none,
        and where not the request is at fault.
    """

    code = "provider_error"
    status = 502

    def __init__(
        self,
        message: str,
        *,
        code: Optional[str] = None,
        status: Optional[int] = None,
        retry_after: Optional[int] = None,
        upstream_status: Optional[int] = None,
        field: Optional[str] = None,
        upstream_code: Optional[str] = None,
    ) -> None:
        super().__init__(message, code=code, status=status, retry_after=retry_after)
        self.upstream_status = upstream_status
        self.field = field
        self.upstream_code = upstream_code


class UnsendableItem(LLMStreamError, TypeError):
    """A source gave an item that can't be sent: ``None``, NaN, or a type that JSON lacks.

    :ivar source: the name of the source.
    """

    def __init__(self, source: str, cause: BaseException) -> None:
        super().__init__(f"{source} gave an item that can't be sent: {cause}")
        self.source = source

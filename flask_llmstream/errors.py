"""The exceptions of this package: one small tree, each carrying its evidence.

Ground floor: standard library only, no I/O.
"""

from __future__ import annotations

from typing import Optional


class LLMStreamError(Exception):
    """The root: ``except LLMStreamError`` catches whatever this package raises on purpose."""


class ConfigurationError(LLMStreamError, ValueError):
    """A config key or an option that can't work; the message names it and its cure."""


class EventTooLarge(LLMStreamError, ValueError):
    """An event stream's line or event grew past the decoder's bound.

    :ivar limit: the bound, in bytes.
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
    """Something was sent that would have had to wait for a reader, by the very code that has to
    return the response first."""


class StreamError(LLMStreamError):
    """A failure whose message may be shown to the client.

    Raise it (or a subclass) in a generator to choose what the reader is told. Before the first
    event it becomes the response's status, after it the format's error event.

    :param message: one sentence for the person who reads the answer.
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


class RequestError(StreamError):
    """A request that can't be served as it is.

    :ivar field: the part of the request that is wrong, or ``None`` for the whole of it.
    """

    code = "invalid_request"
    status = 400

    def __init__(self, message: str, *, field: Optional[str] = None) -> None:
        super().__init__(f"{field}: {message}" if field else message)
        self.field = field


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


class CrossSiteRequest(RequestError):
    """A page of another site sent the request, or may have, and would have a model run (403)."""

    code = "cross_site"
    status = 403


class StreamRefused(StreamError):
    """No room for one more stream: 503, or 429 where the limit is the client's own."""

    code = "too_many_streams"
    status = 503


class StreamGone(StreamError):
    """A reader came back to an answer that isn't made again: 410, or 204 where it had it all."""

    code = "gone"
    status = 410


class StreamTimeout(StreamError):
    """A stream's own timer ran out."""

    code = "timeout"
    status = 504


class StreamOverflow(StreamError):
    """An item found no room, and the stream's overflow strategy says that it ends then."""

    code = "overflow"
    status = 503

    def __init__(
        self, message: str = "The answer came faster than it was read, and was ended there."
    ) -> None:
        super().__init__(message)


class StreamShutdown(StreamError):
    """A stream was ended before its answer was: the server goes, or its connection grew old.

    :param retry: the reader's reconnection time, in milliseconds. Default: not sent.
    """

    code = "shutdown"
    status = 503

    def __init__(self, message: str, *, retry: Optional[int] = None) -> None:
        seconds = None if retry is None else -(-retry // 1000)
        super().__init__(message, retry_after=seconds)
        self.retry = retry


class ProviderError(StreamError):
    """The model's server failed.

    :ivar upstream_status: the HTTP status it answered, or ``None`` where it did not answer.
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
    ) -> None:
        super().__init__(message, code=code, status=status, retry_after=retry_after)
        self.upstream_status = upstream_status


class UnsendableItem(LLMStreamError, TypeError):
    """A source gave something that can't be sent: ``None``, a type JSON can't hold, NaN.

    :ivar source: the name of the generator that gave it.
    """

    def __init__(self, source: str, cause: BaseException) -> None:
        super().__init__(f"{source} gave an item that can't be sent: {cause}")
        self.source = source

"""``as_provider_error``: an SDK's exception as a :class:`ProviderError`.

Its class decides, and its status and its body, as they do for the package's own calls.
"""

from __future__ import annotations

from typing import Any, Iterator, NoReturn, Optional

from ...errors import ProviderError
from ...http.errors import CallFailed, CallTimedOut
from ...http.retry_after import retry_after_in
from ..upstream.errors import UpstreamErrors
from .events import response_of, unreadable
from .kinds import SDKS, root_of

_HTTP = frozenset({"httpx", "httpx2", "httpcore", "httpcore2"})
_SECRETS = ("authorization", "x-api-key", "api-key")


def as_provider_error(error: BaseException, stream: Any = None) -> Optional[ProviderError]:
    """What an SDK's exception means; ``None`` for an exception of anything else.

    :param stream: the stream that raised it. Then the HTTP client's errors count, too, and any
        other tells of an answer that can't be read. Default: none was open yet.
    """
    if isinstance(error, ProviderError):
        return None
    try:
        _raise(error, stream)
    except ProviderError as made:
        return made
    return None


def _raise(error: Any, stream: Any) -> None:
    kinds = type(error).__mro__
    roots = SDKS if stream is None else SDKS | _HTTP
    names = {kind.__name__ for kind in kinds if root_of(kind) in roots}
    errors = errors_of(stream, error)
    status = getattr(error, "status_code", None)
    if names & {"APITimeoutError", "TimeoutException"}:
        errors.fail_call(CallTimedOut(_words(error)))
    if names & {"APIConnectionError", "TransportError"}:
        if stream is None:
            errors.fail_call(CallFailed(_words(error)))
        message = "The model's server ended the answer before its end."
        errors.fail("truncated", message, _words(error))
    if "APIResponseValidationError" in names:
        unreadable(errors, error)
    if "APIStatusError" in names and status != 200:
        headers = getattr(getattr(error, "response", None), "headers", {})
        errors.refuse(status, _body(error), retry_after_in(headers))
    if "APIError" in names:
        errors.refuse_in_band(_body(error))
    if stream is not None:  # the SDK stumbled over JSON, or over an order that it does not know
        unreadable(errors, error)


def errors_of(stream: Any, error: Any = None) -> UpstreamErrors:
    """Makes the errors of a stream's server."""
    response = response_of(stream) or getattr(error, "response", None)
    request = getattr(response, "_request", None) or getattr(error, "request", None)
    url = str(getattr(request, "url", "the model's server")).partition("?")[0]
    return UpstreamErrors(url, _secrets_in(getattr(request, "headers", {})))


def _secrets_in(headers: Any) -> Iterator[str]:
    for name in _SECRETS:
        yield from str(headers.get(name, "")).split()


def _body(error: Any) -> Any:
    """The server's words, in whatever form."""
    body = getattr(error, "body", None)
    return body if body else str(error)


def _words(error: BaseException) -> str:
    cause = error.__cause__
    return f"{error}: {cause}" if cause is not None and str(cause) else str(error)


def fail_as(error: BaseException, stream: Any = None) -> NoReturn:
    """Raise the error that an SDK's exception means, else the exception itself."""
    made = as_provider_error(error, stream)
    if made is None:
        raise error
    raise made from (made.__cause__ or error)

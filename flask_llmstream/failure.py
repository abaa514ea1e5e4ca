"""``Failure``: what a client is told of an exception, and nothing else.

Ground floor: standard library only, no I/O.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Dict, Optional

from .errors import RequestError, StreamError, StreamShutdown


@dataclass(frozen=True)
class Failure:
    """The class of a failure, in words for a person, and an ID to find it by in the log.

    :param field: the part of the request that is wrong, if it is one.
    :param status: the HTTP status, where none has been sent yet.
    :param retry_after: seconds, sent as ``Retry-After``.
    :param retry: a reader's reconnection time in milliseconds, sent with the error's event.
    """

    code: str
    message: str
    id: str
    status: int = 500
    retry_after: Optional[int] = None
    field: Optional[str] = None
    retry: Optional[int] = None

    def as_json(self) -> Dict[str, Any]:
        """The ``error`` object of an answer or an event."""
        body = {"code": self.code, "message": self.message, "id": self.id}
        return body if self.field is None else dict(body, field=self.field)


def failure_of(error: Any, failure_id: str, *, reveal: bool = False) -> Failure:
    """What a client is told of an exception.

    A :class:`StreamError` speaks for itself, and so does an HTTP exception (``abort(404)``). Of
    any other only ``reveal`` (the app's debug mode) shows more than that it happened.
    """
    if isinstance(error, StreamError):
        field = error.field if isinstance(error, RequestError) else None
        retry = error.retry if isinstance(error, StreamShutdown) else None
        said = (error.code, str(error), failure_id, error.status, error.retry_after, field, retry)
        return Failure(*said)
    if _is_http_error(error):
        after = getattr(error, "retry_after", None)
        seconds = after if isinstance(after, int) else None
        return Failure("http_error", error.description, failure_id, error.code, seconds)
    if reveal:
        return Failure("internal", _described(error), failure_id)
    return Failure("internal", "The answer failed. The server's log says why.", failure_id)


def _described(error: Any) -> str:
    try:
        return f"{type(error).__name__}: {error}"
    except Exception:  # its own __str__ failed, which must not keep the stream from ending
        return type(error).__name__


def _is_http_error(error: Any) -> bool:
    """Is it Werkzeug's? Known by its looks, for this floor knows no Werkzeug."""
    return (
        hasattr(error, "get_response")
        and isinstance(getattr(error, "code", None), int)
        and error.code >= 400
        and isinstance(getattr(error, "description", None), str)
    )

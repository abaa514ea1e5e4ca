"""What a client is told of an exception, and nothing else.

Ground floor: standard library only, no I/O.
"""

from __future__ import annotations

import math
from typing import Any, Optional

from ..errors import RequestError, StreamError, StreamShutdown
from ..records import ErrorInfo
from .handling import described, text_of


def error_info_of(error: Any, failure_id: str, *, reveal: bool = False) -> ErrorInfo:
    """What a client is told of an exception.

    A :class:`StreamError` speaks for itself, and so does an HTTP exception (``abort(404)``). Of
    any other only ``reveal`` (the app's debug mode) shows more than that it happened. What of it
    can't be sent, or not even be read, has something plain in its place.
    """
    if issubclass(type(error), StreamError):
        return _said(error, failure_id)
    if _is_http_error(error):
        status, message = _status(_read(error, "code")), _text(_read(error, "description"))
        after = _natural(_read(error, "retry_after"))
        return ErrorInfo("http_error", message or _NO_WORDS, failure_id, status, after)
    return ErrorInfo("internal", described(error) if reveal else _HIDDEN, failure_id)


_HIDDEN = "The answer failed. The server's log says why."
_NO_WORDS = "The answer failed."
_MOST = 2**31 - 1
"""Of seconds or milliseconds: some 68 years, or 24 days."""


def _said(error: BaseException, failure_id: str) -> ErrorInfo:
    return ErrorInfo(
        code=_text(_read(error, "code")) or StreamError.code,
        message=text_of(error) or _NO_WORDS,
        id=failure_id,
        status=_status(_read(error, "status")),
        retry_after=_natural(_read(error, "retry_after")),
        field=_text(_read(error, "field")) if issubclass(type(error), RequestError) else None,
        retry=_natural(_read(error, "retry")) if issubclass(type(error), StreamShutdown) else None,
    )


def _is_http_error(error: BaseException) -> bool:
    """Is it Werkzeug's? Known by its looks, for this floor knows no Werkzeug."""
    return (
        _read(error, "get_response") is not None
        and (_natural(_read(error, "code")) or 0) >= 400
        and _text(_read(error, "description")) is not None
    )


def _read(error: BaseException, name: str) -> Any:
    """An attribute; ``None`` where it is not there, or its own code fails."""
    try:
        return getattr(error, name, None)
    except BaseException:
        return None


def _text(value: Any) -> Optional[str]:
    """A text as a plain one, whatever its class makes of itself."""
    return str.__str__(value) if issubclass(type(value), str) else None


def _natural(value: Any) -> Optional[int]:
    """A number as a plain, whole one, rounded up."""
    if issubclass(type(value), float) and 0 <= float.__float__(value) <= _MOST:
        return math.ceil(float.__float__(value))
    if issubclass(type(value), int) and 0 <= int.__int__(value) <= _MOST:
        return int.__int__(value)
    return None


def _status(value: Any) -> int:
    """A status of a failure, or 204, which has an ``EventSource`` stay away; 500 for any other."""
    status = _natural(value) or 500
    return status if status == 204 or 400 <= status <= 599 else 500

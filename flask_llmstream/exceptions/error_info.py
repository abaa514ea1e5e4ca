"""``ErrorInfo`` of an exception: the part of it that a client may see.

Standard library only, no I/O.
"""

from __future__ import annotations

import math
from types import MappingProxyType
from typing import Any, Mapping, Optional

from ..errors import ProviderError, RequestError, StreamError, StreamShutdown, client_name
from ..records import ErrorInfo
from .handling import described, text_of


def error_info_of(
    error: Any,
    failure_id: str,
    *,
    reveal: bool = False,
    names: Mapping[str, str] = MappingProxyType({}),
) -> ErrorInfo:
    """The part of an exception that is sent to a client.

    A :class:`StreamError` gives its own code and message, and an HTTP exception (``abort(404)``)
    its status and description. Of any other exception the client sees only that it happened. A part
    that can't be sent, or can't even be read, is replaced by a plain default.

    :param failure_id: identifies the failure in the log and at the client.
    :param reveal: show the class and text of any exception (the app's debug mode).
    :param names: the client's names of fields, by ours.
    """
    if issubclass(type(error), StreamError):
        return _of_stream_error(error, failure_id, names)
    if _is_http_error(error):
        status, message = _status(_read(error, "code")), _text(_read(error, "description"))
        after = _natural(_read(error, "retry_after"))
        return ErrorInfo("http_error", message or _NO_MESSAGE, failure_id, status, after)
    return ErrorInfo("internal", described(error) if reveal else _HIDDEN, failure_id)


_WITH_FIELD = (RequestError, ProviderError)
_HIDDEN = "The answer failed. The server's log says why."
_NO_MESSAGE = "The answer failed."
_MOST = 2**31 - 1
"""The largest number that is sent: some 68 years in seconds, 24 days in milliseconds."""


def _of_stream_error(
    error: BaseException, failure_id: str, names: Mapping[str, str]
) -> ErrorInfo:
    words = ("upstream_code", "code") if issubclass(type(error), ProviderError) else ("code",)
    codes = (_text(_read(error, word)) for word in words)
    message = text_of(error) or _NO_MESSAGE
    field = _text(_read(error, "field")) if issubclass(type(error), _WITH_FIELD) else None
    if field is not None:
        ours, field = field, client_name(field, names)
        if message.startswith(f"{ours}: "):
            message = field + message[len(ours) :]
    return ErrorInfo(
        code=next(filter(None, codes), StreamError.code),
        message=message,
        id=failure_id,
        status=_status(_read(error, "status")),
        retry_after=_natural(_read(error, "retry_after")),
        field=field,
        retry=_natural(_read(error, "retry")) if issubclass(type(error), StreamShutdown) else None,
    )


def _is_http_error(error: BaseException) -> bool:
    """Whether it looks like an HTTP exception of Werkzeug, which is not imported here."""
    return (
        _read(error, "get_response") is not None
        and (_natural(_read(error, "code")) or 0) >= 400
        and _text(_read(error, "description")) is not None
    )


def _read(error: BaseException, name: str) -> Any:
    """An attribute's value; ``None`` where it is missing, or its own code raises."""
    try:
        return getattr(error, name, None)
    except BaseException:
        return None


def _text(value: Any) -> Optional[str]:
    """A text as a plain ``str``, whatever a class of its own does; ``None`` for anything else."""
    return str.__str__(value) if issubclass(type(value), str) else None


def _natural(value: Any) -> Optional[int]:
    """A number as a plain ``int``, rounded up; ``None`` if it is none from 0 to ``_MOST``."""
    if issubclass(type(value), float) and 0 <= float.__float__(value) <= _MOST:
        return math.ceil(float.__float__(value))
    if issubclass(type(value), int) and 0 <= int.__int__(value) <= _MOST:
        return int.__int__(value)
    return None


def _status(value: Any) -> int:
    """A failure's status (4xx, 5xx), or 204, which stops an ``EventSource``; 500 for any other."""
    status = _natural(value) or 500
    return status if status == 204 or 400 <= status <= 599 else 500

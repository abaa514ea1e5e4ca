"""``told_failure``: the failure that a server told, in whichever shape.

Standard library only, no I/O.
"""

from __future__ import annotations

import re
from typing import Any, Dict, Iterator, Mapping, Optional

from ..http.retry_after import seconds_of
from .decoder import object_in
from .errors import ServerFailure

_WORDS = ("error_message", "message", "detail", "error_description", "msg", "error", "title")
_MOST_DEPTH = 5
_MOST_WORDS = 500
_OTHER_START = re.compile(r"\s*[<{[]")


def told_failure(error: Any, plain: str = "The answer failed.", **facts: Any) -> ServerFailure:
    """The failure that an error says.

    :param error: a JSON value.
    :param plain: the words where it has none.
    :param facts: what is known besides, for :class:`ServerFailure`.
    """
    members: Dict[str, Any] = {}
    words = _words_in(error, members).strip()
    codes = _texts(members, "code", "type", "error_type", "status", "error")
    numbers = (members.get(name) for name in ("status", "code"))
    number = next((one for one in numbers if isinstance(one, int) and one is not True), None)
    told = {
        "code": next((code for code in codes if code != words), number and str(number)),
        "id": next(_texts(members, "id", "request_id"), None),
        "field": next(_texts(members, "field", "param"), None) or _place(members.get("loc")),
    }
    known = {**facts, **{name: value for name, value in told.items() if value}}
    return ServerFailure(_shortened(words) or plain, **known)


def refused(status: int, reason: str, headers: Mapping[str, str], body: str) -> ServerFailure:
    """The failure that an HTTP response tells."""
    said = object_in(body)
    if said is None and not _OTHER_START.match(body):
        said = body
    return told_failure(
        said,
        f"The server answered {status} {reason or ''}".strip() + ".",
        code="http_error",
        status=status,
        id=headers.get("X-Request-ID"),
        retry_after=seconds_of(headers.get("Retry-After")),
    )


def _words_in(error: Any, members: Dict[str, Any], depth: int = 0) -> str:
    """The words of an error.

    :param members: gets those of the error's objects. An inner one hides an outer one.
    """
    if isinstance(error, str):
        return error
    if depth > _MOST_DEPTH or not isinstance(error, (dict, list)):
        return ""
    if isinstance(error, list):
        return "; ".join(filter(str.strip, (_words_in(one, members, depth + 1) for one in error)))
    found = (_words_in(error.get(name), members, depth + 1) for name in _WORDS)
    words = next(filter(str.strip, found), "")
    has_inner = any(isinstance(error.get(name), dict) for name in _WORDS)
    for name, value in error.items():
        if not (has_inner and name in ("id", "type")):  # the error inside has its own
            members.setdefault(name, value)
    return words


def _texts(members: Mapping[str, Any], *names: str) -> Iterator[str]:
    values = (members.get(name) for name in names)
    return (value for value in values if isinstance(value, str) and value.strip())


def _place(loc: Any) -> Optional[str]:
    """FastAPI's place of a fault, ``["body", "messages", 0]``, without its first part."""
    steps = loc[1:] if isinstance(loc, list) else []
    return ".".join(str(step) for step in steps if isinstance(step, (str, int))) or None


def _shortened(words: str) -> str:
    return words if len(words) <= _MOST_WORDS else words[:_MOST_WORDS] + " …"

"""``Complaint``: all that an error of a model's server says, whatever its shape.

There are many shapes: ``{"error": {"message": …}}`` and ``{"error": "…"}``, FastAPI's ``detail``,
lists (Gemini), errors inside errors, JSON inside a message, pages of HTML. Any JSON value and any
text can be read. The work is bounded. Standard library only, no I/O.
"""

from __future__ import annotations

import html
import json
import re
from itertools import islice
from typing import Any, Dict, Iterable, Iterator, List, Mapping, NamedTuple, Optional, Tuple

_MOST_JSON = 256 * 1024
_MOST_PAGE = 16 * 1024
_MOST_DEPTH = 12
_MOST_ITEMS = 16
_MOST_OBJECTS = 100
_MOST_WORD = 80

_MESSAGES = ("error", "message", "msg", "errors", "detail", "metadata", "raw")
_MORE_MESSAGES = ("error_message", "errorMessage", "error_msg", "errorMsg", "err_msg",
                  "error_description", "description", "details", "title", "reason",
                  "response", "body", "data")  # fmt: skip
_INSIDE = {*_MESSAGES, *_MORE_MESSAGES, "innererror", "inner_error", "cause"}
"""The members in which errors hold another error. Others may hold the user's own words."""

_WORDS = ("code", "error_code", "errorCode", "status", "error_type", "type", "reason")
_NUMBERS = ("status_code", "statusCode", "http_status", "httpStatus", "http_code", "status",
            "code", "error_code", "errorCode")  # fmt: skip
_WAITS = ("retryDelay", "retry_after", "retryAfter")

_NUMBER = re.compile(r"\s*([45]\d\d)\b")
_WORD = re.compile(r"[^\W\d][\w .:/-]*")
_CUT_JSON = re.compile(r'"(?:message|msg|detail|error)"\s*:\s*"((?:[^"\\]|\\.)+)"')
_PAGE = re.compile(r"\s*<(?:!doctype|html|head|body|\?xml)", re.IGNORECASE)
_TAG = re.compile(r"<(script|style)\b.*?(?:</\1\s*>|\Z)|<[^<>]*>", re.IGNORECASE | re.DOTALL)


class Complaint(NamedTuple):
    """What an error says.

    :ivar message: its words for a person; ``""`` without any.
    :ivar numbers: the HTTP statuses that it names, from 400 to 599.
    :ivar words: the words that name its class, such as ``rate_limit_exceeded``.
    :ivar code: the server's ``code``, if that is a word.
    :ivar param: the part of the request that is wrong; ``None`` where it names none.
    :ivar wait: the seconds until another try makes sense, as text; ``None`` where it says nothing.
    """

    message: str
    numbers: Tuple[int, ...]
    words: Tuple[str, ...]
    code: Optional[str]
    param: Optional[str]
    wait: Optional[str]


def complaint_in(error: Any) -> Complaint:
    """Read an error.

    :param error: any JSON value, or the text of a body.
    """
    value = _parsed(error) if isinstance(error, str) else error
    objects = list(islice(_objects(value), _MOST_OBJECTS))
    words = tuple(_distinct(map(_word, _members(objects, _WORDS))))
    return Complaint(
        message=_message_in(value, words),
        numbers=tuple(filter(None, map(_number, _members(objects, _NUMBERS)))),
        words=words,
        code=next(filter(None, map(_word, _members(objects, ("code",)))), None),
        param=next(filter(None, map(_param, objects)), None),
        wait=next(filter(None, map(_seconds, _members(objects, _WAITS))), None),
    )


def _message_in(value: Any, words: Iterable[str]) -> str:
    """The words for a person: those of the usual members, else of others, else whatever is text."""
    wherever = (item for each in _objects(value, everywhere=True) for item in each.values())
    texts = (_plain(item) for item in islice(wherever, _MOST_OBJECTS) if isinstance(item, str))
    for found in (
        _said(value, _MESSAGES),
        _said(value, _MESSAGES + _MORE_MESSAGES),
        words,
        islice(filter(None, texts), _MOST_ITEMS),
    ):
        message = ": ".join(_distinct(found))
        if message:
            return message
    return ""


def _said(value: Any, names: Tuple[str, ...], depth: int = 0) -> Iterator[str]:
    if depth > _MOST_DEPTH:
        return
    if isinstance(value, str):
        inner = _parsed(value)
        yield from _said(inner, names, depth + 1) if inner is not value else [_plain(value)]
    elif isinstance(value, list):
        items = (": ".join(_distinct(_said(item, names, depth + 1))) for item in value)
        yield "; ".join(_distinct(islice(items, _MOST_ITEMS)))
    elif isinstance(value, dict):
        if isinstance(value.get("msg"), str) and "loc" in value:  # FastAPI, pydantic
            yield f"{_place(value['loc'])}: {value['msg']}".lstrip(": ")
        else:
            for name in names:
                yield from _said(value.get(name), names, depth + 1)


def _objects(value: Any, everywhere: bool = False) -> Iterator[Dict[str, Any]]:
    """The mappings in an error, the outer ones first."""
    level = [value]
    for _ in range(_MOST_DEPTH):
        inner: List[Any] = []
        for item in level[:_MOST_OBJECTS]:
            item = _parsed(item) if isinstance(item, str) else item
            if isinstance(item, dict):
                yield item
                inner += [each for name, each in item.items() if everywhere or name in _INSIDE]
            elif isinstance(item, list):
                inner += item[:_MOST_ITEMS]
        level = inner


def _members(objects: Iterable[Mapping[str, Any]], names: Tuple[str, ...]) -> Iterator[Any]:
    """The members with these names, in the order of the objects."""
    return (each[name] for each in objects for name in names if each.get(name) is not None)


def _param(error: Mapping[str, Any]) -> Optional[str]:
    """The part of the request that one error names."""
    param = error.get("param")
    if param is None and "msg" in error:
        param = _place(error.get("loc"))
    return param if isinstance(param, str) and param.strip() else None


def _place(loc: Any) -> str:
    """The place of a fault in FastAPI's form, ``["body", "messages", 0, "role"]``, as text."""
    steps = loc[:_MOST_ITEMS] if isinstance(loc, list) else [loc]
    names = [str(step) for step in steps if isinstance(step, (str, int))]
    return ".".join(names[1:] if names[:1] == ["body"] and len(names) > 1 else names)


def _parsed(text: str) -> Any:
    """The JSON object or list in a text; the text itself if it is none."""
    begins = text.lstrip("\ufeff \t\r\n")
    if not begins.startswith(("{", "[")) or len(text) > _MOST_JSON:
        return text
    try:
        return json.loads(begins)
    except (ValueError, RecursionError):
        return text


def _plain(text: str) -> str:
    """A text without the tags of a page, and the message alone of JSON that was cut off."""
    if text.startswith(("{", "[")):
        return ": ".join(_CUT_JSON.findall(text, 0, _MOST_PAGE)[:_MOST_ITEMS]) or text
    page = text[:_MOST_PAGE]
    return html.unescape(_TAG.sub(" ", page)).strip() if _PAGE.match(page) else text.strip()


def _distinct(texts: Iterable[Optional[str]]) -> List[str]:
    return list(dict.fromkeys(text for text in texts if text))


def _number(value: Any) -> Optional[int]:
    """An HTTP status of a failure: ``429``, ``429.0``, ``"429"``, ``"429 Too Many Requests"``."""
    if isinstance(value, str):
        found = _NUMBER.match(value)
        return int(found[1]) if found else None
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
    return int(value) if is_number and 400 <= value <= 599 else None


def _word(value: Any) -> Optional[str]:
    """A word that names a class of errors. The word ``error`` names none."""
    word = value.strip() if isinstance(value, str) else ""
    is_word = len(word) <= _MOST_WORD and _WORD.fullmatch(word) and word.lower() != "error"
    return word if is_word else None


def _seconds(wait: Any) -> Optional[str]:
    if isinstance(wait, str):
        return wait.strip().rstrip("s")
    is_number = isinstance(wait, (int, float)) and not isinstance(wait, bool)
    return str(wait) if is_number and 0 <= wait <= 10**9 else None

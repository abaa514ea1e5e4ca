"""``GET /chat/stream``: a question in a query, for ``EventSource``."""

from __future__ import annotations

import re
from functools import partial
from typing import Any, Callable, Dict, Mapping, NamedTuple

from ..errors import RequestError
from ..sse.strict_json import whole_number
from .base import ClientRequest, ParsedRequest, Protocol
from .chat_completions import chat_format
from .description import Description
from .descriptions.event_source import event_source
from .fields import CHECKS


class EventSourceQuery(Protocol):
    """A question in a query. Its answer has the format that is named, or the blueprint's own."""

    name, rule, method = "stream", "/chat/stream", "GET"

    def read(self, request: ClientRequest) -> ParsedRequest:
        about_the_stream = ("format", "lastEventId")
        arguments = {
            name: value for name, value in request.query.items() if name not in about_the_stream
        }
        return ParsedRequest(parse_query(arguments), partial(chat_format, request.query, True))

    def describe(self) -> Description:
        return event_source({name: reader.kind for name, reader in _READERS.items()})


def parse_query(arguments: Mapping[str, str]) -> Dict[str, Any]:
    """The fields of a query string. Known numbers and flags are read as such, others stay text.

    Parameters that are not for a model are left out: those of the stream and of its polyfills,
    those against caches, and secrets for a guard, since an ``EventSource`` can't send headers.

    :raises RequestError: a number that can't be read.
    """
    for_model = {
        name: value
        for name, value in arguments.items()
        if name in CHECKS or not _NOT_FOR_A_MODEL.fullmatch(name)
    }
    return {name: _query_value(name, value) for name, value in for_model.items()}


_NOT_FOR_A_MODEL = re.compile(
    r"_.*|r|format|(evs_)?last[-_]?event[-_]?id|evs_.*"
    r"|(no|bust)_?cache|cache_?buster|cb|ts?|time(stamp)?|rand(om)?"
    r"|(.*[-_])?(token|key|secret|password|ticket|signature|sig|jwt|auth|session|sid)"
    r"|api_?key|authorization|session_?id|csrf.*",
    re.IGNORECASE,
)


class _Reader(NamedTuple):
    """How a text of a query is read.

    :ivar read: returns the value.
    :ivar kind: the value's type in JSON Schema.
    :ivar wanted: the type in words.
    """

    read: Callable[[str], Any]
    kind: str
    wanted: str


_FLAGS = {"true": True, "false": False}
_WHOLE = re.compile(r"[+-]?[0-9]+")
_NUMBER = re.compile(r"[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]+)?")


def _whole(text: str) -> int:
    if not _WHOLE.fullmatch(text):  # Python's int() takes more: 1_000, and digits of any script
        raise ValueError
    return whole_number(text)


def _number(text: str) -> float:
    if not _NUMBER.fullmatch(text):
        raise ValueError
    return float(text)


def _flag(text: str) -> bool:
    if text not in _FLAGS:
        raise ValueError
    return _FLAGS[text]


_READERS: Dict[str, _Reader] = {
    **dict.fromkeys(
        ("max_tokens", "max_completion_tokens", "n", "best_of", "seed", "top_k", "top_logprobs"),
        _Reader(_whole, "integer", "a number"),
    ),
    **dict.fromkeys(
        (
            *("temperature", "top_p", "presence_penalty", "frequency_penalty", "min_p"),
            "repeat_penalty",
        ),
        _Reader(_number, "number", "a number"),
    ),
    **dict.fromkeys(
        ("stream", "logprobs", "parallel_tool_calls", "store"),
        _Reader(_flag, "boolean", "true or false"),
    ),
}
"""By the name of the field. All other fields are texts."""


def _query_value(name: str, value: str) -> Any:
    reader = _READERS.get(name)
    if reader is None:
        return value
    try:
        return reader.read(value)
    except ValueError:
        message = f"has to be {reader.wanted}, not {value[:40]!r}"
        raise RequestError(message, field=name) from None

"""``GET /chat/stream``: a question in a query, for ``EventSource``."""

from __future__ import annotations

import re
from functools import partial
from typing import Any, Callable, Dict, Mapping

from ..errors import RequestError
from .base import ClientRequest, ParsedRequest, Protocol
from .chat_completions import chat_format
from .description import Description
from .descriptions.event_source import event_source
from .fields import CHECKS
from .request_limits import whole_number


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
        return event_source({name: _KINDS[read] for name, read in _READERS.items()})


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


def _flag(text: str) -> Any:
    return {"true": True, "false": False}.get(text, text)


_WHOLE = ("max_tokens", "max_completion_tokens", "n", "best_of", "seed", "top_k", "top_logprobs")
_NUMBERS = ("temperature", "top_p", "presence_penalty", "frequency_penalty", "min_p",
            "repeat_penalty")  # fmt: skip
_READERS: Dict[str, Callable[[str], Any]] = {
    **dict.fromkeys(_WHOLE, whole_number),
    **dict.fromkeys(_NUMBERS, float),
    **dict.fromkeys(("stream", "logprobs", "parallel_tool_calls", "store"), _flag),
}
"""How a text of a query is read, by the name of the field."""

_KINDS: Dict[Callable[[str], Any], str] = {
    whole_number: "integer",
    float: "number",
    _flag: "boolean",
}
"""The JSON type of the values that each of them returns."""


def _query_value(name: str, value: str) -> Any:
    try:
        return _READERS.get(name, str)(value)
    except ValueError:
        raise RequestError(f"has to be a number, not {value[:40]!r}", field=name) from None

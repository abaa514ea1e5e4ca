"""Reads a client's request into a :class:`ChatRequest`. Each error names its field.

Standard library only, no I/O.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Any, Callable, Container, Dict, Mapping, Optional

from ..errors import RequestError, UnknownModel
from ..records import CompletionRequest
from .fields import ANSWERED_HERE, CHECKS, checked_fields, json_type, shown
from .forwarding import other_fields, within_caps
from .request_limits import RequestLimits, whole_number

COUNTER = "counter"
"""The model that answers a request without prompt and messages."""


@dataclass(frozen=True)
class ChatRequest:
    """One request to a chat endpoint, checked.

    :param completion: the request for the provider.
    :param speaks_openai: whether the client sent ``messages``.
    :param stream: whether the client wants deltas rather than one object.
    :param include_usage: whether the client wants a chunk with the token counts.
    """

    completion: CompletionRequest
    speaks_openai: bool = False
    stream: bool = True
    include_usage: bool = False


def parse_json(body: bytes) -> Mapping[str, Any]:
    """The object in a request's body. An empty body is an empty object.

    An escape of half a character (RFC 8259, section 8.2) becomes U+FFFD: a client may cut a text in
    the middle of a character, and neither UTF-8 nor many a model's server can hold the half.

    :raises RequestError: the body is not JSON in UTF-8, or JSON of something else.
    """
    if not body.strip():
        return {}
    encoding = json.detect_encoding(body)
    if not encoding.startswith("utf-8"):
        raise RequestError(f"the body is not JSON: it is in {encoding.upper()}; send it in UTF-8")
    try:
        text = body.decode("utf-8-sig")
        if "\\ud" in text or "\\uD" in text:
            text = _ESCAPE.sub(_whole_character, text)
        value = json.loads(text, parse_int=whole_number, parse_constant=_no_constant)
    except (ValueError, RecursionError) as error:
        raise RequestError(f"the body is not JSON: {error}") from None
    if not isinstance(value, dict):
        raise RequestError(f"the body has to be an object, not {json_type(value)}")
    return value


def parse_chat(
    fields: Mapping[str, Any],
    models: Container[str],
    default_model: str,
    limits: RequestLimits,
    unknown_fields: str = "forward",
) -> ChatRequest:
    """Check the fields of a request.

    :param models: the names that ``model`` may have.
    :param default_model: the model of a request that names none.
    :param unknown_fields: what becomes of a field that is not known here: ``forward``, ``ignore``
        or ``refuse``.
    :raises RequestError: a field has the wrong type, is too long or missing, asks for something
        that there is not, or is unknown and refused.
    :raises RequestTooLarge: all fields together are too long.
    :raises UnknownModel: ``model`` is not one of the models.
    """
    values = {**checked_fields(fields), **other_fields(fields, unknown_fields)}
    sent_on = {name: value for name, value in values.items() if name not in ANSWERED_HERE}
    limits.check(sent_on)
    prompt, messages = sent_on.pop("prompt", None), tuple(sent_on.pop("messages", ()))
    if prompt is None and not messages:
        model = _counter(values.get("model"), fields, models)
    else:
        model = known_model(values.get("model", default_model), models)
    stream = values.get("stream", not messages)
    if not stream and not messages:
        raise RequestError("only an answer to messages can come whole", field="stream")
    options = within_caps(sent_on, limits.tokens)
    completion = CompletionRequest(model, prompt, messages, options, limits.tokens or None)
    include_usage = values.get("stream_options", {}).get("include_usage") or False
    return ChatRequest(completion, bool(messages), stream, include_usage)


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


def known_model(name: str, models: Container[str]) -> str:
    """The same name.

    :raises UnknownModel: no model has it.
    """
    if name not in models:
        raise UnknownModel(f"there is no model {name[:100]!r}", field="model")
    return name


def _counter(name: Optional[str], fields: Mapping[str, Any], models: Container[str]) -> str:
    """The model of a request that asks nothing. One that asks in fields that are not known, or
    asks another model, gets an error."""
    if name is None:
        unknown = next((each for each in fields if each not in CHECKS), None)
        if unknown is not None:
            message = f"give messages, or a prompt; there is no field '{shown(unknown)}'"
            raise RequestError(message, field="messages")
    elif known_model(name, models) != COUNTER:
        raise RequestError(f"the model {name!r} needs one, or messages", field="prompt")
    return COUNTER


_HIGH, _LOW = r"\\u[dD][89abAB][0-9a-fA-F]{2}", r"\\u[dD][c-fC-F][0-9a-fA-F]{2}"
_ESCAPE = re.compile(rf"\\\\|{_HIGH}{_LOW}|({_HIGH}|{_LOW})")
"""Of the escapes in JSON: a backslash, two halves of a character, half of one."""


def _whole_character(escape: "re.Match[str]") -> str:
    return r"\ufffd" if escape[1] else escape[0]


def _no_constant(name: str) -> Any:
    raise ValueError(f"there is no {name} in JSON")


_NOT_FOR_A_MODEL = re.compile(
    r"_.*|r|format|(evs_)?last[-_]?event[-_]?id|evs_.*"
    r"|(no|bust)_?cache|cache_?buster|cb|ts?|time(stamp)?|rand(om)?"
    r"|(.*[-_])?(token|key|secret|password|ticket|signature|sig|jwt|auth|session|sid)"
    r"|api_?key|authorization|session_?id|csrf.*",
    re.IGNORECASE,
)


def _flag(text: str) -> Any:
    return {"true": True, "false": False}.get(text, text)


_WHOLE = ("max_tokens", "max_completion_tokens", "n", "seed", "top_k", "top_logprobs")
_NUMBERS = ("temperature", "top_p", "presence_penalty", "frequency_penalty", "min_p",
            "repeat_penalty")  # fmt: skip
_READERS: Dict[str, Callable[[str], Any]] = {
    **dict.fromkeys(_WHOLE, whole_number),
    **dict.fromkeys(_NUMBERS, float),
    **dict.fromkeys(("stream", "logprobs", "parallel_tool_calls", "store"), _flag),
}
"""How a text of a query is read, by the name of the field."""


def _query_value(name: str, value: str) -> Any:
    try:
        return _READERS.get(name, str)(value)
    except ValueError:
        raise RequestError(f"has to be a number, not {value[:40]!r}", field=name) from None

"""Reads a client's request into a :class:`ChatRequest`. Each error names its field.

Standard library only, no I/O.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any, Callable, Container, Dict, Mapping, Optional, Tuple

from ..errors import RequestError, UnknownModel
from ..records import CompletionRequest
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

    :raises RequestError: the body is not JSON in UTF-8, or JSON of something else.
    """
    if not body.strip():
        return {}
    try:
        text = body.decode("utf-8")
        value = json.loads(text, parse_int=whole_number, parse_constant=_no_constant)
    except (ValueError, RecursionError) as error:
        raise RequestError(f"the body is not JSON: {error}") from None
    if not isinstance(value, dict):
        raise RequestError(f"the body has to be an object, not {_json_type(value)}")
    return value


def parse_chat(
    fields: Mapping[str, Any], models: Container[str], default_model: str, limits: RequestLimits
) -> ChatRequest:
    """Check the fields of a request.

    :param models: the names that ``model`` may have.
    :param default_model: the model of a request that names none.
    :raises RequestError: a field has the wrong type, is out of range, too long, missing or
        unknown.
    :raises RequestTooLarge: all fields together are too long.
    :raises UnknownModel: ``model`` is not one of the models.
    """
    values = _checked(fields)
    sent_on = {name: value for name, value in values.items() if name not in _NOT_SENT_ON}
    limits.check(sent_on)
    prompt, messages = sent_on.pop("prompt", None), tuple(sent_on.pop("messages", ()))
    model = _model(values.get("model"), prompt, messages, models, default_model)
    stream = values.get("stream", not messages)
    if not stream and not messages:
        raise RequestError("only an answer to messages can come whole", field="stream")
    include_usage = values.get("stream_options", {}).get("include_usage", False)
    options = limits.cap_tokens(sent_on)
    completion = CompletionRequest(model, prompt, messages, options, limits.tokens or None)
    return ChatRequest(completion, bool(messages), stream, include_usage)


def parse_query(arguments: Mapping[str, str]) -> Dict[str, Any]:
    """The fields of a query string. Fields that are numbers become numbers, others stay text.

    :raises RequestError: a number that can't be read.
    """
    return {name: _query_value(name, value) for name, value in arguments.items()}


def _checked(fields: Mapping[str, Any]) -> Dict[str, Any]:
    """The fields that are not ``null``, each checked by itself."""
    for name in fields:
        if name not in _CHECKS:
            raise RequestError("there is no such field", field=repr(name[:40])[1:-1])
    values = {name: value for name, value in fields.items() if value is not None}
    for name, value in values.items():
        check = _CHECKS[name]
        check(name, value)
    if {"prompt", "messages"} <= values.keys():
        raise RequestError("give either a prompt or messages, not both", field="prompt")
    return values


def _model(
    name: Optional[str],
    prompt: Optional[str],
    messages: Tuple[Any, ...],
    models: Container[str],
    default: str,
) -> str:
    if name is not None and name not in models:
        raise UnknownModel(f"there is no model {name[:100]!r}", field="model")
    if prompt is None and not messages:
        if name not in (None, COUNTER):
            raise RequestError(f"the model {name!r} needs one", field="prompt")
        return COUNTER
    return name or default


def _no_constant(name: str) -> Any:
    raise ValueError(f"there is no {name} in JSON")


def _text(name: str, value: Any) -> str:
    if not isinstance(value, str):
        raise RequestError(f"has to be text, not {_json_type(value)}", field=name)
    return value


def _nonblank_text(name: str, value: Any) -> None:
    if not _text(name, value).strip():
        raise RequestError("is empty", field=name)


def _flag(name: str, value: Any) -> None:
    if not isinstance(value, bool):
        raise RequestError(f"has to be true or false, not {_json_type(value)}", field=name)


def _number(least: float, most: float) -> Callable[[str, Any], None]:
    def check(name: str, value: Any) -> None:
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            raise RequestError(f"has to be a number, not {_json_type(value)}", field=name)
        if not least <= value <= most:
            raise RequestError(f"has to be from {least} to {most}", field=name)

    return check


def _whole(least: int, most: int) -> Callable[[str, Any], None]:
    in_range = _number(least, most)

    def check(name: str, value: Any) -> None:
        in_range(name, value)
        if not isinstance(value, int):
            raise RequestError("has to be a whole number", field=name)

    return check


def _stop(name: str, value: Any) -> None:
    texts = value if isinstance(value, list) else [value]
    if not 1 <= len(texts) <= 16:
        raise RequestError("has to hold 1 to 16 texts", field=name)
    for text in texts:
        if not _text(name, text):  # a text of white space is allowed
            raise RequestError("is empty", field=name)


def _stream_options(name: str, value: Any) -> None:
    if not isinstance(value, dict) or set(value) - {"include_usage"}:
        raise RequestError("has to be an object with only include_usage", field=name)
    _flag(f"{name}.include_usage", value.get("include_usage", False))


def _messages(name: str, value: Any) -> None:
    if not isinstance(value, list) or not value:
        raise RequestError("has to be a list of at least one message", field=name)
    for index, message in enumerate(value):
        at = f"{name}[{index}]"
        if not isinstance(message, dict):
            raise RequestError(f"has to be an object, not {_json_type(message)}", field=at)
        _nonblank_text(f"{at}.role", message.get("role"))
        if not isinstance(message.get("content"), list):
            _text(f"{at}.content", message.get("content"))


def _anything(name: str, value: Any) -> None:
    """Not checked here: the model's server knows which values it supports."""


_MOST_TOKENS = 1_000_000
_NOT_SENT_ON = ("model", "stream", "stream_options", "n")
"""The fields that are answered here. All others are sent on to the model's server."""
_CHECKS: Dict[str, Callable[[str, Any], Any]] = {
    "prompt": _nonblank_text,
    "messages": _messages,
    "model": _nonblank_text,
    "stream": _flag,
    "stream_options": _stream_options,
    "max_tokens": _whole(1, _MOST_TOKENS),
    "max_completion_tokens": _whole(1, _MOST_TOKENS),
    "temperature": _number(0, 2),
    "top_p": _number(0, 1),
    "presence_penalty": _number(-2, 2),
    "frequency_penalty": _number(-2, 2),
    "seed": _whole(-(2**63), 2**63 - 1),
    "stop": _stop,
    "n": _whole(1, 1),
    "user": _text,
    "response_format": _anything,
    "logit_bias": _anything,
    "top_k": _anything,
    "min_p": _anything,
    "repeat_penalty": _anything,
    "reasoning_effort": _anything,
    "metadata": _anything,
    "store": _anything,
    "service_tier": _anything,
    "verbosity": _anything,
    "prompt_cache_key": _anything,
    "safety_identifier": _anything,
}
"""All fields by name, each with its check."""

_NUMBERS: Dict[str, Callable[[str], Any]] = {
    "max_tokens": int,
    "max_completion_tokens": int,
    "seed": int,
    "temperature": float,
    "top_p": float,
    "presence_penalty": float,
    "frequency_penalty": float,
}
"""The fields of a query that are numbers."""


def _query_value(name: str, value: str) -> Any:
    try:
        return _NUMBERS.get(name, str)(value)
    except ValueError:
        raise RequestError(f"has to be a number, not {value[:40]!r}", field=name) from None


def _json_type(value: Any) -> str:
    names = {type(None): "null", bool: "a boolean", str: "text", list: "a list", dict: "an object"}
    return names.get(type(value), "a number")

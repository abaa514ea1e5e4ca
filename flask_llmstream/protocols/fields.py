"""The fields of a chat request, each with its check. Each error names its field and the cure.

Source: OpenAI's reference, "Create chat completion". No check is narrower than OpenAI's. Only what
is relied on here is checked: the model's server knows which values it supports. Standard library
only, no I/O.
"""

from __future__ import annotations

from typing import Any, Callable, Dict, Mapping, Optional, TypeVar

from ..errors import RequestError
from ..records import MOST_TOKENS

Check = Callable[[str, Any], Any]
"""Takes a field's name and its value, and returns the value to send on. ``None``: none is sent."""

C = TypeVar("C", bound=Check)
SCHEMAS: Dict[Check, Mapping[str, Any]] = {}
"""The values that a check lets pass, as JSON Schema. Null passes as well, for a missing field."""


def _accepts(**schema: Any) -> Callable[[C], C]:
    def note(check: C) -> C:
        SCHEMAS[check] = schema
        return check

    return note


def shown(text: str, length: int = 40) -> str:
    """A text of the client's, cut and made printable, for a message."""
    return repr(text[:length])[1:-1]


def json_type(value: Any) -> str:
    """The JSON type of a value, in words."""
    names = {type(None): "null", bool: "a boolean", str: "text", list: "a list", dict: "an object"}
    return names.get(type(value), "a number")


@_accepts()
def _anything(name: str, value: Any) -> Any:
    return value


@_accepts(type="string")
def _text(name: str, value: Any) -> str:
    if not isinstance(value, str):
        raise RequestError(f"has to be text, not {json_type(value)}", field=name)
    return value


@_accepts(type="string", minLength=1)
def _nonempty_text(name: str, value: Any) -> str:
    text = _text(name, value)
    if not text:
        raise RequestError("is empty", field=name)
    return text


@_accepts(type="string")
def _model(name: str, value: Any) -> Optional[str]:
    return _text(name, value) or None


@_accepts(type="boolean")
def _flag(name: str, value: Any) -> bool:
    if not isinstance(value, bool):
        raise RequestError(f"has to be true or false, not {json_type(value)}", field=name)
    return value


@_accepts(type="number")
def _number(name: str, value: Any) -> float:
    """A number. Each model's server has its own bounds."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise RequestError(f"has to be a number, not {json_type(value)}", field=name)
    return value


@_accepts(type="integer")
def _whole(name: str, value: Any) -> int:
    """A whole number. ``256.0`` is one: JSON knows one kind of number."""
    if isinstance(_number(name, value), float) and not value.is_integer():
        raise RequestError("has to be a whole number", field=name)
    return int(value)


@_accepts(type="integer", maximum=MOST_TOKENS)
def _tokens(name: str, value: Any) -> Optional[int]:
    """A limit of tokens. Clients mean no limit by -1 and by 0."""
    limit = _whole(name, value)
    if limit > MOST_TOKENS:
        raise RequestError("has to be at most 2**53; leave it out for no limit", field=name)
    return limit if limit > 0 else None


@_accepts(const=1)
def _one(name: str, value: Any) -> None:
    if _whole(name, value) != 1:
        raise RequestError("has to be 1: one request gets one answer here", field=name)


@_accepts(const=1)
def _one_sent_on(name: str, value: Any) -> Any:
    _one(name, value)
    return value


@_accepts(anyOf=[{"type": "string"}, {"type": "array", "items": {"type": "string"}}])
def _texts(name: str, value: Any) -> Any:
    """A text or a list of texts. Nothing in it is the same as nothing: OpenAI's server refuses an
    empty list, and many clients send one."""
    for text in value if isinstance(value, list) else [value]:
        if not isinstance(text, str):
            message = f"has to be text or a list of texts, not {json_type(text)}"
            raise RequestError(message, field=name)
    return value or None


@_accepts()
def _nonempty(name: str, value: Any) -> Any:
    return value or None


@_accepts(type="object", properties={"include_usage": {"type": ["boolean", "null"]}})
def _stream_options(name: str, value: Any) -> Dict[str, Any]:
    if not isinstance(value, dict):
        raise RequestError(f"has to be an object, not {json_type(value)}", field=name)
    if value.get("include_usage") is not None:
        _flag(f"{name}.include_usage", value["include_usage"])
    return value


_NEED_CONTENT = ("user", "system", "developer")
"""The roles whose messages are their content. Others may have none, as beside calls of tools."""

_MESSAGE = {
    "type": "object",
    "properties": {
        "role": {"type": "string", "minLength": 1},
        "content": {"type": ["string", "array", "null"]},
    },
    "required": ["role"],
    "if": {"properties": {"role": {"enum": list(_NEED_CONTENT)}}},
    "then": {"properties": {"content": {"type": ["string", "array"]}}, "required": ["content"]},
}


@_accepts(type="array", minItems=1, items=_MESSAGE)
def _messages(name: str, value: Any) -> Any:
    if not isinstance(value, list) or not value:
        raise RequestError("has to be a list of at least one message", field=name)
    for index, message in enumerate(value):
        _message(f"{name}[{index}]", message)
    return value


def _message(at: str, message: Any) -> None:
    if not isinstance(message, dict):
        raise RequestError(f"has to be an object, not {json_type(message)}", field=at)
    role, content = _nonempty_text(f"{at}.role", message.get("role")), message.get("content")
    if content is None and role not in _NEED_CONTENT:
        return
    if not isinstance(content, (str, list)):
        message = f"has to be text or a list of parts, not {json_type(content)}"
        raise RequestError(message, field=f"{at}.content")


CHECKS: Dict[str, Check] = {
    # Answered here, and not sent on.
    "model": _model,
    "stream": _flag,
    "stream_options": _stream_options,
    "n": _one,
    # The question. A prompt of white space can be continued, as code is.
    "prompt": _nonempty_text,
    "messages": _messages,
    # Read by many functions and servers.
    "max_tokens": _tokens,
    "max_completion_tokens": _tokens,
    "temperature": _number,
    "top_p": _number,
    "presence_penalty": _number,
    "frequency_penalty": _number,
    "seed": _whole,
    "stop": _texts,
    "user": _text,
    "tools": _nonempty,
    "functions": _nonempty,
    "best_of": _one_sent_on,
    # Sent on as they come.
    **dict.fromkeys(
        (
            *("tool_choice", "parallel_tool_calls", "function_call", "response_format"),
            *("logprobs", "top_logprobs", "logit_bias", "modalities", "audio", "prediction"),
            *("web_search_options", "reasoning_effort", "verbosity", "metadata", "store"),
            *("service_tier", "moderation", "safety_identifier", "prompt_cache_key"),
            *("prompt_cache_options", "prompt_cache_retention", "suffix", "echo"),
            *("top_k", "min_p", "repeat_penalty"),
        ),
        _anything,
    ),
}
"""The check of each field that is known: OpenAI's, and some that all local servers know."""

ANSWERED_HERE = ("model", "stream", "stream_options", "n")
"""The fields that are not sent on to the model's server."""


def checked_fields(fields: Mapping[str, Any]) -> Dict[str, Any]:
    """The known fields that ask for something, each checked by itself.

    :raises RequestError: the error names the field.
    """
    given = {name: fields[name] for name in CHECKS if name in fields}
    checked = {
        name: CHECKS[name](name, value) for name, value in given.items() if value is not None
    }
    if {"prompt", "messages"} <= checked.keys():
        raise RequestError("give either a prompt or messages, not both", field="prompt")
    return {name: value for name, value in checked.items() if value is not None}

"""The fields of a request that say how to answer, as the fields of a chat completion."""

from __future__ import annotations

from typing import Any, Dict, Mapping

from ...errors import RequestError
from .. import checks
from ..fields import shown
from .tools import read_tools

_LOGPROBS = "message.output_text.logprobs"

_READ_HERE = (
    *("input", "instructions", "tools", "tool_choice", "parallel_tool_calls"),
    *("text", "reasoning", "max_output_tokens", "include", "top_logprobs"),
    *("store", "truncation", "max_tool_calls", "client_metadata"),
    *("previous_response_id", "conversation", "background", "prompt", "context_management"),
)
"""The fields that are not sent on under their own name."""


def read_options(fields: Mapping[str, Any]) -> Dict[str, Any]:
    """The fields of a chat completion, beside its messages.

    Fields that are not known here stay what they are.

    :raises RequestError: a field can't be read, or asks for something that there is not.
    """
    checks.flag("store", fields.get("store"))
    _check_truncation(fields.get("truncation"))
    others = {name: value for name, value in fields.items() if name not in _READ_HERE}
    read = {
        **read_tools(fields),
        **_text(fields.get("text")),
        **_reasoning(fields.get("reasoning")),
        **_logprobs(fields),
        "max_tokens": fields.get("max_output_tokens"),
    }
    return {**others, **checks.given(read)}


def _check_truncation(value: Any) -> None:
    """Nothing is cut here: a conversation that is too long is an error of the model's."""
    if value is not None and checks.text("truncation", value) not in ("auto", "disabled"):
        raise RequestError(f"{shown(value)!r} is none of auto, disabled", field="truncation")


def _text(value: Any) -> Dict[str, Any]:
    if value is None:
        return {}
    text = checks.an_object("text", value)
    return {"verbosity": text.get("verbosity"), "response_format": _format(text.get("format"))}


def _format(value: Any) -> Any:
    """The ``response_format``; ``None`` for text."""
    if value is None:
        return None
    at = "text.format"
    format = checks.an_object(at, value)
    kind = format.get("type")
    if kind == "text":
        return None
    if kind == "json_object":
        return {"type": kind}
    if kind != "json_schema":
        raise checks.unknown_kind(at, kind, "text, json_object and json_schema")
    checks.word(f"{at}.name", format.get("name"))
    checks.an_object(f"{at}.schema", format.get("schema"))
    names = ("name", "description", "schema", "strict")
    return {"type": kind, kind: checks.given({name: format.get(name) for name in names})}


def _reasoning(value: Any) -> Dict[str, Any]:
    """The effort. The reasoning that a model shows is always sent, whatever summary is wanted."""
    if value is None:
        return {}
    return {"reasoning_effort": checks.an_object("reasoning", value).get("effort")}


def _logprobs(fields: Mapping[str, Any]) -> Dict[str, Any]:
    """What is included beside them belongs to tools and states that there are not."""
    wanted = fields.get("include")
    names = checks.optional_list("include", wanted)
    for index, name in enumerate(names):
        checks.text(f"include[{index}]", name)
    top = fields.get("top_logprobs")
    return {"logprobs": True, "top_logprobs": top} if top or _LOGPROBS in names else {}

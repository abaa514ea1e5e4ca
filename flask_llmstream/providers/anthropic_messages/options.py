"""``members_of``: the options of a request become members of a body of the Messages API.

Sources: OpenAI's reference, "Create chat completion"; Anthropic's, "Messages", "Structured
outputs" and "Effort". Standard library only, no I/O.
"""

from __future__ import annotations

from typing import Any, Callable, Dict, Mapping, Tuple

from ...errors import RequestError
from ..refusing import asks
from .content import NOT_TAKEN
from .tools import tool_choice_of, tools_of

Members = Dict[str, Any]
Options = Mapping[str, Any]

_REFUSED = {
    "functions": "This model knows tools, not functions.",
    "function_call": "This model knows tool_choice, not function_call.",
    "logprobs": "This model gives no log probabilities.",
    "top_logprobs": "This model gives no log probabilities.",
    "logit_bias": "This model takes no logit_bias.",
    "presence_penalty": "This model takes no presence_penalty.",
    "frequency_penalty": "This model takes no frequency_penalty.",
    "seed": "This model takes no seed.",
    "verbosity": "This model takes no verbosity. Say it in a message.",
    "modalities": "This model writes text alone.",
    "audio": "This model speaks no audio.",
    "web_search_options": "This model searches only with a tool of its own.",
    "store": "No answer of this model is stored.",
    "suffix": "This model writes no text that stands before another.",
    "echo": "This model does not repeat the prompt.",
}

REFUSES = {**_REFUSED, **NOT_TAKEN}
"""The options and the parts of messages for which the Messages API has nothing, each with the words
for the client."""

_HINTS = ("stream_options", "n", "best_of", "prediction", "prompt_cache_key",
          "prompt_cache_options", "prompt_cache_retention", "moderation")  # fmt: skip
"""Options that change no word of the answer, or that ask for what each answer has."""


def members_of(options: Options) -> Members:
    """The members of the body. An option that is not known here is one as it is.

    :param options: in OpenAI's form, in Anthropic's, or in both: then Anthropic's counts.
    :raises RequestError: an option can't be sent; the error names it.
    """
    said = {name: value for name, value in options.items() if value is not None}
    read = {name for names, _ in _TRANSLATIONS for name in names}
    unasked = {name for name in _REFUSED if not asks(name, said.get(name), said)}
    left_out = read.union(unasked, _HINTS)
    members = {name: value for name, value in said.items() if name not in left_out}
    for _, translate in _TRANSLATIONS:
        members = _joined(translate(said), members)
    return members


def _joined(made: Members, own: Members) -> Members:
    """The members of both. Of an object in both the members are joined."""
    objects = {
        name: {**value, **own[name]}
        for name, value in made.items()
        if isinstance(value, dict) and isinstance(own.get(name), Mapping)
    }
    return {**made, **own, **objects}


def _stop(options: Options) -> Members:
    stop = options.get("stop") or []
    words = [stop] if isinstance(stop, str) else stop
    if not isinstance(words, (list, tuple)):
        raise RequestError("has to be text or a list of texts", field="stop")
    return {"stop_sequences": list(words)} if words else {}


def _user(options: Options) -> Members:
    """Whose request it is. Other members of OpenAI's ``metadata`` are labels for what it stores."""
    labels = options.get("metadata")
    own = labels.get("user_id") if isinstance(labels, Mapping) else None
    user = own or options.get("user") or options.get("safety_identifier")
    return {"metadata": {"user_id": user}} if user else {}


def _tier(options: Options) -> Members:
    tier = options.get("service_tier")
    return {"service_tier": "standard_only" if tier == "default" else tier} if tier else {}


def _effort(options: Options) -> Members:
    effort = options.get("reasoning_effort")
    if effort == "none":
        return {"thinking": {"type": "disabled"}}
    return {"output_config": {"effort": "low" if effort == "minimal" else effort}} if effort else {}


def _format(options: Options) -> Members:
    wanted = options.get("response_format")
    if not asks("response_format", wanted, options):
        return {}
    described = wanted.get("json_schema") if isinstance(wanted, Mapping) else None
    schema = described.get("schema") if isinstance(described, Mapping) else None
    if not isinstance(schema, Mapping):
        told = "this model takes a json_schema that has a schema, and no other format"
        raise RequestError(told, field="response_format")
    return {"output_config": {"format": {"type": "json_schema", "schema": schema}}}


def _tools(options: Options) -> Members:
    """The tools, and the choice among them, which is nothing without any."""
    if not options.get("tools"):
        return {}
    chosen = tool_choice_of(options.get("tool_choice"), options.get("parallel_tool_calls"))
    return {"tools": tools_of(options["tools"]), **({"tool_choice": chosen} if chosen else {})}


_TRANSLATIONS: Tuple[Tuple[Tuple[str, ...], Callable[[Options], Members]], ...] = (
    (("stop",), _stop),
    (("user", "safety_identifier", "metadata"), _user),
    (("service_tier",), _tier),
    (("reasoning_effort",), _effort),
    (("response_format",), _format),
    (("tools", "tool_choice", "parallel_tool_calls"), _tools),
)
"""The options that have another form there, and how each is translated."""

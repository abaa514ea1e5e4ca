"""What assistant-ui's transport adds to a request: instructions, tools and options.

Source: assistant-ui, ``AssistantChatTransport``, ``ModelContext``. Standard library only, no I/O.
"""

from __future__ import annotations

from typing import Any, Dict, List, Mapping, Tuple

from ...errors import RequestError
from ..fields import CHECKS, json_type, shown

OPTIONS: Mapping[str, Mapping[str, str]] = {
    "callSettings": {
        "maxTokens": "max_tokens",
        "temperature": "temperature",
        "topP": "top_p",
        "presencePenalty": "presence_penalty",
        "frequencyPenalty": "frequency_penalty",
        "seed": "seed",
    },
    "config": {"modelName": "model", "reasoningEffort": "reasoning_effort"},
}
"""The fields of a chat completion, by the names that the transport has for them."""

Named = Tuple[Dict[str, Any], Dict[str, str]]
"""Fields of a chat completion, and the client's names of them or of what is in them, by ours."""


def added_options(given: Mapping[str, Any]) -> Named:
    """The options of the chat. One that the request has under its own name counts more.

    :raises RequestError: an option has the wrong type. The error names it.
    """
    fields, names = {}, {}
    for group, options in OPTIONS.items():
        named = given.get(group)
        members = named if isinstance(named, dict) else {}
        for theirs, ours in options.items():
            value = members.get(theirs)
            if value is not None:
                CHECKS[ours](f"{group}.{theirs}", value)
                if given.get(ours) is None:
                    fields[ours], names[ours] = value, f"{group}.{theirs}"
    return fields, names


def added_tools(given: Mapping[str, Any]) -> Named:
    """The tools, if they are an object with a tool by each name. A list is the chat's own.

    :raises RequestError: a tool is no object. The error names it.
    """
    tools = given.get("tools")
    if not isinstance(tools, dict):
        return {}, {}
    places = {name: f"tools.{shown(name)}" for name in tools}
    functions: List[Dict[str, Any]] = [_tool(places[name], name, tools[name]) for name in tools]
    names = {f"tools[{index}].function": place for index, place in enumerate(places.values())}
    return {"tools": functions}, names


def _tool(at: str, name: str, tool: Any) -> Dict[str, Any]:
    if not isinstance(tool, dict):
        raise RequestError(f"has to be an object, not {json_type(tool)}", field=at)
    told = {each: tool[each] for each in ("description", "parameters") if each in tool}
    return {"type": "function", "function": {"name": name, **told}}


def instructions_of(given: Mapping[str, Any]) -> str:
    """The instructions of the page; ``""`` where there are none.

    :raises RequestError: they are no text.
    """
    system = given.get("system")
    if system is not None and not isinstance(system, str):
        raise RequestError(f"has to be text, not {json_type(system)}", field="system")
    return system or ""

"""The tools of a request. A function is run by the client; there are no others here."""

from __future__ import annotations

from typing import Any, Dict, List, Mapping

from ...errors import RequestError
from .. import checks

Tool = Dict[str, Any]
_OF_A_FUNCTION = ("name", "description", "parameters", "strict")


def read_tools(fields: Mapping[str, Any]) -> Dict[str, Any]:
    """``tools``, ``tool_choice`` and ``parallel_tool_calls``, as those of a chat completion.

    Without a tool, a choice that asks for none is left out: a chat completion refuses it.

    :raises RequestError: a tool is none of the client's functions, or can't be read.
    """
    tools = _tools(fields.get("tools"))
    parallel = checks.flag("parallel_tool_calls", fields.get("parallel_tool_calls"))
    choice = _choice(fields.get("tool_choice"))
    if not tools:
        return {} if choice in (None, "auto", "none") else {"tool_choice": choice}
    read = {"tools": tools, "tool_choice": choice, "parallel_tool_calls": parallel}
    return checks.given(read)


def _tools(value: Any) -> List[Tool]:
    tools = checks.optional_list("tools", value)
    return [_tool(f"tools[{index}]", tool) for index, tool in enumerate(tools)]


def _tool(at: str, tool: Any) -> Tool:
    kind = checks.an_object(at, tool).get("type")
    if kind != "function":
        raise _not_here(at, kind)
    checks.word(f"{at}.name", tool.get("name"))
    function = checks.given({name: tool.get(name) for name in _OF_A_FUNCTION})
    return {"type": "function", "function": function}


def _choice(value: Any) -> Any:
    if value is None or isinstance(value, str):
        return value
    kind = checks.an_object("tool_choice", value).get("type")
    if kind == "allowed_tools":
        return {"type": kind, "allowed_tools": _allowed(value)}
    return _named("tool_choice", value)


def _allowed(choice: Mapping[str, Any]) -> Dict[str, Any]:
    at = "tool_choice.tools"
    tools = enumerate(checks.a_list(at, choice.get("tools")))
    named = [_named(f"{at}[{index}]", tool) for index, tool in tools]
    return checks.given({"mode": choice.get("mode"), "tools": named})


def _named(at: str, tool: Any) -> Dict[str, Any]:
    kind = checks.an_object(at, tool).get("type")
    if kind != "function":
        raise _not_here(at, kind)
    return {"type": kind, "function": {"name": checks.word(f"{at}.name", tool.get("name"))}}


def _not_here(at: str, kind: Any) -> RequestError:
    return checks.unknown_kind(at, kind, "function, a tool that the client runs,")

"""``tools_of`` and ``tool_choice_of``: tools in OpenAI's form become those of the Messages API.

A tool and a choice in Anthropic's own form are sent on as they came. Standard library only, no I/O.
"""

from __future__ import annotations

from typing import Any, Dict, List, Mapping, Optional

from ...errors import RequestError

_CHOICES = {"auto": "auto", "none": "none", "required": "any", "any": "any"}
_OWN_CHOICES = frozenset({"auto", "none", "any", "tool"})


def tools_of(tools: Any) -> List[Dict[str, Any]]:
    """The tools.

    :raises RequestError: one can't be sent; the error names it.
    """
    if not isinstance(tools, (list, tuple)):
        raise RequestError("has to be a list", field="tools")
    return [_tool(tool, f"tools[{index}]") for index, tool in enumerate(tools)]


def tool_choice_of(choice: Any, parallel: Any) -> Optional[Dict[str, Any]]:
    """The choice of a tool; ``None`` where the model has it.

    :param choice: OpenAI's ``tool_choice``.
    :param parallel: OpenAI's ``parallel_tool_calls``.
    :raises RequestError: there is no such choice.
    """
    made = _choice(choice) if choice is not None else None
    if parallel is not False or (made or {}).get("type") == "none":
        return made
    return {**(made or {"type": "auto"}), "disable_parallel_tool_use": True}


def _tool(tool: Any, at: str) -> Dict[str, Any]:
    if not isinstance(tool, Mapping):
        raise RequestError("has to be an object", field=at)
    if tool.get("type") == "custom" and "custom" in tool:
        raise RequestError("this model knows functions, not custom tools", field=f"{at}.type")
    if tool.get("type") != "function":
        return dict(tool)
    function = tool.get("function")
    if not isinstance(function, Mapping) or not isinstance(function.get("name"), str):
        raise RequestError("has to be an object with a name", field=f"{at}.function")
    others = {**tool, **function}
    schema = _schema(others.pop("parameters", None), f"{at}.function.parameters")
    said = {name: value for name, value in others.items() if value is not None}
    made = {name: said[name] for name in said if name not in ("type", "function", "strict")}
    strict = {"strict": True} if said.get("strict") else {}
    return {**made, "input_schema": schema, **strict}


def _schema(parameters: Any, at: str) -> Dict[str, Any]:
    """The schema of the arguments; that of no arguments where there is none."""
    if parameters is not None and not isinstance(parameters, Mapping):
        raise RequestError("has to be a JSON schema", field=at)
    return {"type": "object", **(parameters or {"properties": {}})}


def _choice(choice: Any) -> Dict[str, Any]:
    if isinstance(choice, str) and choice in _CHOICES:
        return {"type": _CHOICES[choice]}
    kind = choice.get("type") if isinstance(choice, Mapping) else None
    if isinstance(kind, str) and kind in _OWN_CHOICES:
        return dict(choice)
    function = choice.get("function") if kind == "function" else None
    if isinstance(function, Mapping) and isinstance(function.get("name"), str):
        return {"type": "tool", "name": function["name"]}
    raise RequestError("has to be auto, none, required or a function", field="tool_choice")

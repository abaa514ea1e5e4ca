"""``POST /ag-ui``: AG-UI, the Agent User Interaction Protocol.

Source: AG-UI 1.0, "RunAgentInput". Standard library only, no I/O.
"""

from __future__ import annotations

from functools import partial
from typing import Any, Dict, List, Mapping, Tuple

from ..errors import RequestError
from ..formats import AGUIFormat
from ..formats.ag_ui_events import run_error
from ..records import TOKEN_LIMITS, ErrorInfo
from ..sse.json import json_bytes
from . import checks
from .ag_ui_messages import read_conversation
from .base import ClientRequest, ParsedRequest, Protocol
from .completion import ChatRequest
from .description import Description
from .descriptions.ag_ui import ag_ui
from .fields import CHECKS

_ANSWERED_OTHERWISE = {
    *("messages", "prompt", "tools", "functions", "stream", "stream_options"),
    *("suffix", "echo", "best_of"),
}
_OPTIONS = [name for name in (*CHECKS, *TOKEN_LIMITS) if name not in _ANSWERED_OTHERWISE]
"""The fields of a chat completion that ``forwardedProps`` may have."""


class AGUI(Protocol):
    """The input of a run is answered with the run's events.

    ``forwardedProps`` may have the options of a chat completion by their names (``model``,
    ``temperature``, ``max_tokens`` …). Its other members are the application's, and are not read,
    nor is ``state``.
    """

    name, rule = "ag_ui", "/ag-ui"
    field_names = {name: f"forwardedProps.{name}" for name in _OPTIONS}

    def read(self, request: ClientRequest) -> ParsedRequest:
        asked = request.fields
        thread_id, run_id = (checks.word(at, asked.get(at)) for at in ("threadId", "runId"))
        if asked.get("resume"):
            message = "no run is interrupted here; send the answer as a message"
            raise RequestError(message, field="resume")
        told = read_conversation(asked.get("messages"), asked.get("context"))
        tools = _tools(asked.get("tools"))
        names = {f"tools[{index}].function": f"tools[{index}]" for index in range(len(tools))}
        options = _options(asked.get("forwardedProps"))
        fields = {**options, "messages": told.messages, "tools": tools, "stream": True}
        answer = partial(_format, thread_id, run_id)
        return ParsedRequest(fields, answer, {**told.names(), **names})

    def describe(self) -> Description:
        return ag_ui(name for name in _OPTIONS if name in CHECKS)

    def failure(self, failure: ErrorInfo) -> Tuple[str, bytes]:
        """The event ``RUN_ERROR``, as JSON."""
        return "application/json", json_bytes(run_error(failure))


def _format(thread_id: str, run_id: str, chat: ChatRequest) -> AGUIFormat:
    return AGUIFormat(thread_id=thread_id, run_id=run_id, model=chat.completion.model)


def _options(forwarded: Any) -> Dict[str, Any]:
    """The options of a chat completion. The forwarded properties may be any JSON."""
    if not isinstance(forwarded, dict):
        return {}
    return {name: forwarded[name] for name in _OPTIONS if name in forwarded}


def _tools(value: Any) -> List[Dict[str, Any]]:
    tools = enumerate(checks.optional_list("tools", value))
    return [_tool(f"tools[{index}]", tool) for index, tool in tools]


def _tool(at: str, tool: Any) -> Dict[str, Any]:
    given: Mapping[str, Any] = checks.an_object(at, tool)
    function: Dict[str, Any] = {"name": checks.word(f"{at}.name", given.get("name"))}
    if given.get("description") is not None:
        function["description"] = checks.text(f"{at}.description", given["description"])
    if given.get("parameters") is not None:
        function["parameters"] = checks.an_object(f"{at}.parameters", given["parameters"])
    return {"type": "function", "function": function}

"""``ToolPart``: the call of a tool in an assistant's message, and its result.

Source: AI SDK, "UIMessage" (``ToolUIPart``, ``DynamicToolUIPart``). Standard library only, no I/O.
"""

from __future__ import annotations

from typing import Any, Dict, Optional

from ..fields import shown
from ..request_limits import as_json
from .parts import Part

DYNAMIC = "dynamic-tool"
_PREFIX = "tool-"

_STATES = (
    *("input-streaming", "input-available", "approval-requested", "approval-responded"),
    *("output-available", "output-error", "output-denied"),
)


def is_tool(part: Part) -> bool:
    """Whether a part is the call of a tool."""
    return part.kind == DYNAMIC or part.kind.startswith(_PREFIX)


class ToolPart:
    """One call.

    :raises RequestError: a member is missing or wrong. The error names it.
    """

    def __init__(self, part: Part) -> None:
        self._part = part
        self.id = part.text("toolCallId")
        self._name = part.text("toolName") if part.kind == DYNAMIC else part.kind[len(_PREFIX) :]
        self._state = part.text("state")
        if self._state not in _STATES:
            raise part.error("state", f"{shown(self._state)!r} is none of {', '.join(_STATES)}")

    @property
    def at(self) -> str:
        """Its place in the request."""
        return self._part.at

    def call(self) -> Dict[str, Any]:
        """The call in the form of a chat completion."""
        function = {"name": self._name, "arguments": self._arguments()}
        return {"id": self.id, "type": "function", "function": function}

    def result(self) -> Optional[str]:
        """The text of the tool's answer; ``None`` where there is no answer, or no tool is named."""
        if not self._name:
            return None
        if self._state == "output-available":
            output = self._part.members.get("output")
            return output if isinstance(output, str) else self._as_json("output", output)
        if self._state == "output-error":
            return self._part.text("errorText")
        return self._denial()

    def _denial(self) -> Optional[str]:
        given = self._part.members.get("approval")
        approval = given if isinstance(given, dict) else {}
        if self._state != "output-denied" and approval.get("approved") is not False:
            return None
        reason = approval.get("reason")
        return reason if isinstance(reason, str) and reason else "The user denied this call."

    def _arguments(self) -> str:
        """The arguments as JSON. Of a call that could not be read there is only a text."""
        members = self._part.members
        given = members.get("input", members.get("rawInput"))
        return "{}" if given is None else self._as_json("input", given)

    def _as_json(self, name: str, value: Any) -> str:
        return as_json(f"{self.at}.{name}", value).decode()

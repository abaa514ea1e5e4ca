"""``OpenCalls``: the calls of tools in AG-UI's events. A call begins with its ID and its name."""

from __future__ import annotations

from typing import Any, Dict, Iterator, List, Optional, Set

from ..deltas import ToolCallDelta

Members = Dict[str, Any]
"""The members of an event."""


class OpenCalls:
    """The calls that have begun, by their index. All of them stay open until they end together:
    servers may send the fragments of two calls in turns."""

    def __init__(self) -> None:
        self._ids: Dict[int, str] = {}
        self._given_ids: Dict[int, str] = {}
        self._nameless: Dict[int, List[str]] = {}  # the arguments that wait for the call's name
        self._known: Set[str] = set()

    def members(self, call: ToolCallDelta, message_id: str) -> Optional[List[Members]]:
        """The events of a fragment; ``None`` where it is of a call that AG-UI does not know.

        :param message_id: the message that the calls belong to.
        """
        if call.type not in (None, "", "function"):
            return None
        if call.index in self._ids:
            return list(self._arguments(call.index, call.arguments or ""))
        waiting = self._nameless.setdefault(call.index, [])
        waiting.append(call.arguments or "")
        if call.id:
            self._given_ids[call.index] = call.id
        return list(self._begun(call.index, call.name, message_id)) if call.name else []

    def ends(self, message_id: str) -> Iterator[Members]:
        """The events that end all calls. A call that got no name begins here, without one."""
        for index in list(self._nameless):
            yield from self._begun(index, "", message_id)
        for call_id in self._ids.values():
            yield {"type": "TOOL_CALL_END", "toolCallId": call_id}
        self._ids = {}

    def _begun(self, index: int, name: str, message_id: str) -> Iterator[Members]:
        id = self._given_ids.pop(index, None)
        call_id = id if id and id not in self._known else f"{message_id}-call-{len(self._known)}"
        self._known.add(call_id)
        self._ids[index] = call_id
        yield {
            "type": "TOOL_CALL_START",
            "toolCallId": call_id,
            "toolCallName": name,
            "parentMessageId": message_id,
        }
        yield from self._arguments(index, "".join(self._nameless.pop(index)))

    def _arguments(self, index: int, text: str) -> Iterator[Members]:
        if text:  # older clients refuse an empty delta
            yield {"type": "TOOL_CALL_ARGS", "toolCallId": self._ids[index], "delta": text}

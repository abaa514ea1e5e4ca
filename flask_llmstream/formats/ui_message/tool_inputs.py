"""``ToolInputs``: the calls of tools in an answer, fragment by fragment, and then each one whole.

A client runs a tool for the chunk ``tool-input-available``. So that comes only when the arguments
can grow no more, and never behind an answer that was cut.
"""

from __future__ import annotations

from typing import Any, Dict, Iterable, List, Set

from ...deltas import ToolCallDelta
from ...errors import StreamError
from ...sse.json import json_bytes
from ...sse.strict_json import read_json
from ..openai import MAX_WHOLE_CHARS
from .chunks import chunk


class ToolInputs:
    """The calls of one step.

    :param taken: the IDs of calls that the message has already. A page finds a call by its ID, so
        a new call with one of these gets another.
    """

    def __init__(self, taken: Iterable[str] = ()) -> None:
        self._ids: Set[str] = set(taken)
        self._shown_ids: Dict[str, str] = {}
        self._calls: Dict[int, _Call] = {}
        self._unread: Set[int] = set()
        self._chars = 0

    def __bool__(self) -> bool:
        return bool(self._calls)

    def reads(self, fragment: ToolCallDelta) -> bool:
        """Whether the fragment is of a function. The chunks have no place for another tool."""
        if fragment.type not in (None, "function"):
            self._unread.add(fragment.index)
        return fragment.index not in self._unread

    def fragment(self, fragment: ToolCallDelta, stream_id: str) -> bytes:
        """Write a fragment of a call.

        :raises StreamError: the arguments of all calls are too long to be kept until they are
            whole.
        """
        call = self._calls.get(fragment.index)
        if call is None:
            call_id = self._new_id(fragment.id or f"call-{len(self._ids)}-{stream_id}")
            call = self._calls[fragment.index] = _Call(call_id)
        arguments = fragment.arguments or ""
        self._chars += len(arguments)
        if self._chars > MAX_WHOLE_CHARS:
            message = "The arguments of a tool are too long."
            raise StreamError(message, code="answer_too_large", status=502)
        return call.add(fragment.name, arguments)

    def shown_id(self, call_id: str) -> str:
        """The ID that a page knows the newest call with this ID by."""
        return self._shown_ids.get(call_id, call_id)

    def whole(self, no_arguments: str = "{}") -> bytes:
        """Write each call whole, in their order. The next fragment begins another call.

        :param no_arguments: the arguments of a call that has none. In an answer that was cut they
            were still to come: ``""``, which is no JSON.
        """
        calls, self._calls, self._chars = self._calls, {}, 0
        self._unread = set()
        return b"".join(calls[index].whole(no_arguments) for index in sorted(calls))

    def _new_id(self, wanted: str) -> str:
        free, number = wanted, 2
        while free in self._ids:
            free, number = f"{wanted}-{number}", number + 1
        self._ids.add(free)
        self._shown_ids[wanted] = free
        return free


class _Call:
    """One call: its parts so far."""

    def __init__(self, call_id: str) -> None:
        self._id = call_id
        self._name = ""
        self._arguments: List[str] = []

    def add(self, name: Any, arguments: str) -> bytes:
        """Write the next fragment. A call begins with its name: what came before it waits."""
        self._arguments.append(arguments)
        if self._name:
            return self._delta(arguments)
        if not name:
            return b""
        self._name = name
        return self._start() + self._delta("".join(self._arguments))

    def _start(self) -> bytes:
        return chunk("tool-input-start", toolCallId=self._id, toolName=self._name)

    def _delta(self, arguments: str) -> bytes:
        if not arguments:
            return b""
        return chunk("tool-input-delta", toolCallId=self._id, inputTextDelta=arguments)

    def whole(self, no_arguments: str) -> bytes:
        text = "".join(self._arguments)
        try:
            if not self._name:
                raise ValueError("the call names no tool")
            value = _parsed(text if text.strip() else no_arguments)
            return self._input("tool-input-available", value)
        except (ValueError, RecursionError) as error:
            told = f"The call can't be read: {error}"
            return self._input("tool-input-error", text, errorText=told)

    def _input(self, type: str, value: Any, **others: str) -> bytes:
        return chunk(type, toolCallId=self._id, toolName=self._name, input=value, **others)


def _parsed(text: str) -> Any:
    """The arguments.

    :raises ValueError: they are not JSON, or JSON that can't be written again.
    """
    value = read_json(text)
    json_bytes(value)  # 1e999 is read as an infinity
    return value

"""The events of AG-UI that a source gives itself, and the members that two events have.

Source: AG-UI 1.0, "Events".
"""

from __future__ import annotations

from collections.abc import Mapping as AnyMapping
from typing import Any, Dict, List, Mapping, Optional

from ..records import ErrorInfo, Usage

_ENDS = {
    "STEP_STARTED": "STEP_FINISHED",
    "STEP_FINISHED": "STEP_FINISHED",
    "SUBAGENT_STARTED": "SUBAGENT_FINISHED",
    "SUBAGENT_FINISHED": "SUBAGENT_FINISHED",
    "SUBAGENT_ERROR": "SUBAGENT_FINISHED",
}
"""The event that ends what another event begins, or has ended."""

_PASSED_ON = {
    *("STATE_SNAPSHOT", "STATE_DELTA", "MESSAGES_SNAPSHOT", "ACTIVITY_SNAPSHOT", "ACTIVITY_DELTA"),
    *("TOOL_CALL_RESULT", "REASONING_ENCRYPTED_VALUE", "CUSTOM", "RAW", "RUN_FINISHED", *_ENDS),
}
"""The events that a source may give."""

_MADE_HERE = {
    *("RUN_STARTED", "RUN_ERROR", "REASONING_START", "REASONING_END"),
    *("TEXT_MESSAGE_START", "TEXT_MESSAGE_CONTENT", "TEXT_MESSAGE_END", "TEXT_MESSAGE_CHUNK"),
    *("REASONING_MESSAGE_START", "REASONING_MESSAGE_CONTENT", "REASONING_MESSAGE_END"),
    *("REASONING_MESSAGE_CHUNK", "TOOL_CALL_START", "TOOL_CALL_ARGS", "TOOL_CALL_END"),
    "TOOL_CALL_CHUNK",
}
"""The events of the answer and the run. The format makes them, in their order."""


def own_event(item: Any, kind: Any = None) -> Optional[Mapping[str, Any]]:
    """The event of AG-UI that an item is; ``None`` where it is none.

    :param item: a mapping, or an event of the ``ag_ui`` package.
    :param kind: the event's type. Default: the item's ``type``.
    :raises ValueError: the format alone makes such events.
    """
    if hasattr(item, "model_dump") and isinstance(getattr(item, "type", None), str):
        item = _members(item)
    if not isinstance(item, AnyMapping):
        return None
    kind = item.get("type") if kind is None else kind
    if isinstance(kind, str) and kind in _MADE_HERE:
        raise ValueError(f"{kind} can't be streamed; give text or a Delta, or raise an error")
    return {**item, "type": kind} if isinstance(kind, str) and kind in _PASSED_ON else None


def _members(event: Any) -> Dict[str, Any]:
    """The members of an event of the ``ag_ui`` package. Null stands only for a member that has to
    be there: readers refuse it in place of any other."""
    fields = type(event).model_fields.items()
    needed = {field.alias or name: None for name, field in fields if field.is_required()}
    return {**needed, **event.model_dump(mode="json", by_alias=True, exclude_none=True)}


class OpenSteps:
    """The steps and subagents that a source began. A run can't finish before they have ended."""

    def __init__(self) -> None:
        self._ends: List[Dict[str, Any]] = []

    def note(self, event: Mapping[str, Any]) -> None:
        """Take note of an event that the source gave."""
        kind = event["type"]
        if kind in _ENDS:
            names = {name: event[name] for name in ("stepName", "subagentRunId") if name in event}
            end = {"type": _ENDS[kind], **names}
            if kind.endswith("_STARTED"):
                self._ends.append(end)
            elif end in self._ends:
                self._ends.remove(end)

    def ends(self) -> List[Dict[str, Any]]:
        """The events that end them all, the last one first."""
        return self._ends[::-1]


def run_error(failure: ErrorInfo) -> Dict[str, Any]:
    """A failure as ``RUN_ERROR``. Its ``metadata`` has the ID that is in the log."""
    told = {"id": failure.id, "field": failure.field, "retryAfter": failure.retry_after}
    return {
        "type": "RUN_ERROR",
        "message": failure.message,
        "code": failure.code,
        "metadata": _without_null(told),
    }


def token_usage(usage: Usage, model: Optional[str]) -> Dict[str, Any]:
    """A usage as ``TokenUsage``, without the counts that nobody made."""
    read, written = usage.prompt_tokens, usage.completion_tokens
    counts = {
        "model": model,
        "inputTokens": read,
        "outputTokens": written,
        "totalTokens": None if read is None or written is None else read + written,
        "reasoningTokens": usage.reasoning_tokens,
        "cachedInputTokens": usage.cached_tokens,
    }
    return _without_null(counts)


def _without_null(members: Mapping[str, Any]) -> Dict[str, Any]:
    return {name: value for name, value in members.items() if value is not None}

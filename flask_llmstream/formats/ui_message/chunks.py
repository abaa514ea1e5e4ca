"""How a chunk is written, and what an answer cost in the words of the AI SDK."""

from __future__ import annotations

from typing import Any, Dict, Optional, Tuple

from ...records import Ending, ErrorInfo, Usage
from ...sse.json import json_bytes
from ...sse.text import utf8
from ..openai import finish_reason


def chunk(type: str, **members: Any) -> bytes:
    """One chunk as an event."""
    return b"data: %b\n\n" % json_bytes({"type": type, **members})


def failure_as_text(failure: ErrorInfo) -> Tuple[str, bytes]:
    """The message alone: the AI SDK takes the whole body for the message of its error.

    :returns: its ``Content-Type`` and its body.
    """
    return "text/plain; charset=utf-8", utf8(failure.message)


_REASONS = {
    "tool_calls": "tool-calls",
    "function_call": "tool-calls",
    "content_filter": "content-filter",
}


CUT = ("length", "content-filter")
"""The reasons of an answer that the model did not end itself."""


def finish_reason_of(ending: Ending, calls_tools: bool) -> str:
    """Why the model stopped, in the words of the AI SDK."""
    reason = finish_reason(ending, calls_tools)
    return _REASONS.get(reason, reason)


def usage_object(usage: Usage) -> Dict[str, int]:
    """The counts of an answer under the names of the AI SDK, without those that are ``None``."""
    counts = {
        "inputTokens": usage.prompt_tokens,
        "outputTokens": usage.completion_tokens,
        "totalTokens": _total(usage),
        "cachedInputTokens": usage.cached_tokens,
        "reasoningTokens": usage.reasoning_tokens,
    }
    return {name: count for name, count in counts.items() if count is not None}


def _total(usage: Usage) -> Optional[int]:
    total = usage.extra.get("total_tokens")
    if type(total) is int:
        return total
    if usage.prompt_tokens is None or usage.completion_tokens is None:
        return None
    return usage.prompt_tokens + usage.completion_tokens

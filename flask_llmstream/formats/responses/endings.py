"""The end of an answer in the words of a response: its status, its counts, its error."""

from __future__ import annotations

from typing import Any, Dict, Mapping, NamedTuple, Optional

from ...records import Ending, ErrorInfo, Usage
from ..openai import finish_reason

_INCOMPLETE = {"length": "max_output_tokens", "content_filter": "content_filter"}
"""The reasons of an incomplete response, by the ``finish_reason`` of a chat completion."""


class Status(NamedTuple):
    """How an answer that did not fail has ended.

    :ivar name: ``completed`` or ``incomplete``.
    :ivar incomplete: why it is incomplete.
    """

    name: str
    incomplete: Optional[str]


def status_of(ending: Ending) -> Status:
    """The status at a good end."""
    reason = _INCOMPLETE.get(finish_reason(ending))
    return Status("completed" if reason is None else "incomplete", reason)


def usage_of(usage: Optional[Usage]) -> Dict[str, Any]:
    """The ``usage``. What nobody counted is 0, because clients with types insist on a number."""
    usage = Usage() if usage is None else usage
    read, written = usage.prompt_tokens or 0, usage.completion_tokens or 0
    total = usage.extra.get("total_tokens")
    return {
        "input_tokens": read,
        "input_tokens_details": {
            "cached_tokens": usage.cached_tokens or 0,
            "cache_write_tokens": _cache_writes(usage),
        },
        "output_tokens": written,
        "output_tokens_details": {"reasoning_tokens": usage.reasoning_tokens or 0},
        "total_tokens": total if type(total) is int else read + written,
    }


def _cache_writes(usage: Usage) -> int:
    details = usage.extra.get("prompt_tokens_details")
    count = details.get("cache_write_tokens") if isinstance(details, Mapping) else None
    return count if type(count) is int else 0


def error_of(failure: ErrorInfo) -> Dict[str, Any]:
    """The ``error`` of a failed response. Its code is one of OpenAI's words."""
    if failure.status == 429:
        code = "rate_limit_exceeded"
    else:
        code = "server_error" if failure.status >= 500 else "invalid_prompt"
    return {"code": code, "message": failure.message}

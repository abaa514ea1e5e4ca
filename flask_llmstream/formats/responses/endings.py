"""The end of an answer in the words of a response: its status, its counts, its error."""

from __future__ import annotations

from typing import Any, Dict, NamedTuple, Optional

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


def usage_of(usage: Optional[Usage]) -> Optional[Dict[str, Any]]:
    """The ``usage``; ``None`` where one of its two counts is unknown.

    A detail that nobody counted is 0, because clients with types insist on it.
    """
    if usage is None or usage.prompt_tokens is None or usage.completion_tokens is None:
        return None
    total = usage.extra.get("total_tokens")
    counted = usage.prompt_tokens + usage.completion_tokens
    return {
        "input_tokens": usage.prompt_tokens,
        "input_tokens_details": {"cached_tokens": usage.cached_tokens or 0},
        "output_tokens": usage.completion_tokens,
        "output_tokens_details": {"reasoning_tokens": usage.reasoning_tokens or 0},
        "total_tokens": total if type(total) is int else counted,
    }


def error_of(failure: ErrorInfo) -> Dict[str, Any]:
    """The ``error`` of a failed response. Its code is one of OpenAI's words."""
    if failure.status == 429:
        code = "rate_limit_exceeded"
    else:
        code = "server_error" if failure.status >= 500 else "invalid_prompt"
    return {"code": code, "message": failure.message}

"""``usage_of``: the counts of an answer of the Messages API.

Source: Anthropic's reference, "Messages", ``usage``. Standard library only, no I/O.
"""

from __future__ import annotations

from typing import Any, Dict, Mapping, Optional

from ...records import MOST_TOKENS, Usage
from ..upstream.counts import count_in

_READ = ("input_tokens", "cache_creation_input_tokens", "cache_read_input_tokens")
"""Anthropic counts these apart. OpenAI's ``prompt_tokens`` are all of them."""
_DETAILS = "output_tokens_details"
_IN_FIELDS = ("input_tokens", "cache_read_input_tokens", "output_tokens", _DETAILS)


def usage_of(counts: Mapping[str, Any], finish_reason: str) -> Usage:
    """The usage of an answer. A count that is missing or makes no sense becomes ``None``.

    :param counts: the ``usage`` that the server sent, merged.
    """
    details = counts.get(_DETAILS)
    thoughts = details if isinstance(details, dict) else {}
    return Usage(
        _all_read(counts),
        count_in(counts, "output_tokens"),
        finish_reason,
        count_in(counts, "cache_read_input_tokens"),
        count_in(thoughts, "thinking_tokens"),
        _others(counts, thoughts),
    )


def _all_read(counts: Mapping[str, Any]) -> Optional[int]:
    if count_in(counts, "input_tokens") is None:
        return None
    total = sum(count_in(counts, name) or 0 for name in _READ)
    return total if total <= MOST_TOKENS else None


def _others(counts: Mapping[str, Any], thoughts: Mapping[str, Any]) -> Dict[str, Any]:
    """The members that no field of a :class:`Usage` has."""
    said = {name: value for name, value in counts.items() if value is not None}
    others = {name: value for name, value in said.items() if name not in _IN_FIELDS}
    unread = {name: value for name, value in thoughts.items() if name != "thinking_tokens"}
    return {**others, _DETAILS: unread} if unread else others

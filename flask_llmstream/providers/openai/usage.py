"""``usage_of``: the counts of an answer, found wherever servers put them.

Sources: OpenAI's reference, "usage" of chat completions (``prompt_tokens``) and of responses
(``input_tokens``); Moonshot's (``choices[0].usage``, ``cached_tokens``), Groq's (``x_groq.usage``),
DeepSeek's (``prompt_cache_hit_tokens``) and Anthropic's (``cache_read_input_tokens``).
"""

from __future__ import annotations

from typing import Any, Dict, Iterable, Mapping, Optional

from ...records import Usage
from ..upstream.counts import count_of, merged

_READ = ("prompt_tokens", "input_tokens")
_WRITTEN = ("completion_tokens", "output_tokens")
_CACHED = ("cached_tokens", "prompt_cache_hit_tokens", "cache_read_input_tokens")
_DETAILS = {
    "prompt_tokens_details": "cached_tokens",
    "completion_tokens_details": "reasoning_tokens",
}
"""The member of each that a :class:`Usage` has a field for."""


def counts_in(part: Mapping[str, Any], choice: Mapping[str, Any]) -> Dict[str, Any]:
    """All counts of one part, as the server sent them."""
    found: Dict[str, Any] = {}
    for holder in (part.get("x_groq"), choice, part):
        counts = holder.get("usage") if isinstance(holder, dict) else None
        if isinstance(counts, dict):
            found = merged(found, counts)
    return found


def usage_of(counts: Mapping[str, Any], finish_reason: str) -> Usage:
    """The usage of an answer. A count that is missing or makes no sense becomes ``None``.

    :param counts: the ``usage`` that the server sent, merged.
    """
    read, written = _first(counts, _READ), _first(counts, _WRITTEN)
    asked = _first_mapping(counts, ("prompt_tokens_details", "input_tokens_details"))
    answered = _first_mapping(counts, ("completion_tokens_details", "output_tokens_details"))
    cached = _first({**counts, **asked}, _CACHED)
    reasoning = _first({**counts, **answered}, ("reasoning_tokens",))
    extra = _others(counts, None if read is None or written is None else read + written)
    return Usage(read, written, finish_reason, cached, reasoning, extra)


def _others(counts: Mapping[str, Any], total: Optional[int]) -> Dict[str, Any]:
    """The members that no field of a :class:`Usage` has. A total that is the sum is none."""
    others: Dict[str, Any] = {}
    for name, value in counts.items():
        if name in _DETAILS:
            value = _without(_DETAILS[name], value)
        if value is None or value == {} or name in (*_READ, *_WRITTEN):
            continue
        if name != "total_tokens" or count_of(value) not in (None, total):
            others[name] = value
    return others


def _without(name: str, details: Any) -> Any:
    if not isinstance(details, dict):
        return None
    return {key: value for key, value in details.items() if key != name and value is not None}


def _first(counts: Mapping[str, Any], names: Iterable[str]) -> Optional[int]:
    """The first count that is more than 0, else 0 if there is one."""
    found = [count_of(counts.get(name)) for name in names]
    return next((count for count in found if count), 0 if 0 in found else None)


def _first_mapping(counts: Mapping[str, Any], names: Iterable[str]) -> Mapping[str, Any]:
    found = (counts.get(name) for name in names)
    return next((each for each in found if isinstance(each, dict)), {})

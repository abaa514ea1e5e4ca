"""``merged`` and ``count_in``: the counts of tokens that a model's server sends, part by part.

Standard library only, no I/O.
"""

from __future__ import annotations

from typing import Any, Dict, Mapping, Optional

from ...records import MOST_TOKENS


def merged(before: Mapping[str, Any], counts: Mapping[str, Any]) -> Dict[str, Any]:
    """The counts so far and the next ones. The next ones count, unless they say less: servers
    send zeros or nulls behind the true counts."""
    both = {**before, **_news(before, counts)}
    for name, details in counts.items():
        old = before.get(name)
        if isinstance(details, dict) and isinstance(old, dict):
            both[name] = {**old, **_news(old, details)}
    return both


def count_of(value: Any) -> Optional[int]:
    """The count; ``None`` for a value that is none."""
    if isinstance(value, float) and value.is_integer():  # some servers' JSON has only floats
        value = int(value)
    is_count = type(value) is int and 0 <= value <= MOST_TOKENS
    return value if is_count else None


def count_in(counts: Mapping[str, Any], name: str) -> Optional[int]:
    """The count of that name; ``None`` where there is none."""
    return count_of(counts.get(name))


def _news(before: Mapping[str, Any], counts: Mapping[str, Any]) -> Dict[str, Any]:
    return {
        name: value
        for name, value in counts.items()
        if name not in before or _says_more(value, before[name])
    }


def _says_more(value: Any, old: Any) -> bool:
    return bool(value) and (count_of(old) is None or count_of(value) is not None)

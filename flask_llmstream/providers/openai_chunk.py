"""``Chunk``: one part of an answer in OpenAI's form, of either endpoint, streamed or whole.

Read with their reference beside it ("Chat Completions", "Completions (legacy)"), and as loosely
as the servers that imitate it write it.
"""

from __future__ import annotations

import json
from typing import Any, Mapping, NamedTuple, Optional

from ..records import MOST_TOKENS, Usage


class Chunk(NamedTuple):
    """What one part says.

    :ivar text: the next piece of the first choice; ``""`` where the part tells something else.
    :ivar finish_reason: in the choice's last part, why the model stopped.
    :ivar usage: the tokens counted, mostly in the last part of all.
    :ivar error: what the server says went wrong, in a form of its own.
    """

    text: str = ""
    finish_reason: Optional[str] = None
    usage: Any = None
    error: Any = None


def parse_chunk(data: str) -> Chunk:
    """Read one part.

    :raises ValueError: it is no JSON, or JSON of something else.
    """
    try:
        body = json.loads(data)
        if body.get("error") is not None:
            return Chunk(error=body["error"])
        choices = [choice for choice in body["choices"] if choice.get("index", 0) == 0]
        first = choices[0] if choices else {}
        chunk = Chunk(_text(first) or "", _word(first.get("finish_reason")), body.get("usage"))
    except (AttributeError, KeyError, TypeError, RecursionError):
        raise ValueError("not a part of a completion") from None
    if not isinstance(chunk.text, str):
        raise ValueError("the text is not text")
    return chunk


def _text(choice: Mapping[str, Any]) -> Any:
    part = choice.get("delta") or choice.get("message")
    return part.get("content") if part else choice.get("text")


def _word(value: Any) -> Optional[str]:
    return value if isinstance(value, str) else None


def usage_of(counts: Any, finish_reason: str) -> Usage:
    """The usage record of an answer, from what its server sent for one: whatever is no count there
    was not counted."""
    counts = counts if isinstance(counts, Mapping) else {}
    read, written = counts.get("prompt_tokens"), counts.get("completion_tokens")
    return Usage(_count(read), _count(written), finish_reason)


def _count(value: Any) -> Optional[int]:
    if isinstance(value, float) and value.is_integer():  # a server whose JSON has but these
        value = int(value)
    is_count = type(value) is int and 0 <= value <= MOST_TOKENS
    return value if is_count else None

"""``Chunk``: one part of an answer in OpenAI's form, of either endpoint, streamed or whole.

Source: OpenAI's reference, "Chat Completions" and "Completions (legacy)". Fields that other servers
leave out or fill differently are read as far as they make sense.
"""

from __future__ import annotations

import json
from typing import Any, Mapping, NamedTuple, Optional

from ..records import MOST_TOKENS, Usage


class Chunk(NamedTuple):
    """The content of one part.

    :ivar text: the next text of the first choice; ``""`` if the part has none.
    :ivar finish_reason: why the model stopped; only the last part of a choice has it.
    :ivar usage: the token counts as the server sent them; mostly the last part has them.
    :ivar error: the server's error, in the server's own form; ``None`` without one.
    """

    text: str = ""
    finish_reason: Optional[str] = None
    usage: Any = None
    error: Any = None


def parse_chunk(data: str) -> Chunk:
    """Read one part.

    :raises ValueError: the part is not JSON, or JSON of something else.
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
    """The usage of an answer. A count that is missing or makes no sense becomes ``None``.

    :param counts: the ``usage`` that the server sent.
    """
    counts = counts if isinstance(counts, Mapping) else {}
    read, written = counts.get("prompt_tokens"), counts.get("completion_tokens")
    return Usage(_count(read), _count(written), finish_reason)


def _count(value: Any) -> Optional[int]:
    if isinstance(value, float) and value.is_integer():  # some servers' JSON has only floats
        value = int(value)
    is_count = type(value) is int and 0 <= value <= MOST_TOKENS
    return value if is_count else None

"""One part of an answer in OpenAI's form, of either endpoint, streamed or whole: its one choice.

Source: OpenAI's reference, "Chat Completions" and "Completions (legacy)". Members that other
servers leave out or fill differently are read as far as they make sense.
"""

from __future__ import annotations

from typing import Any, List, Mapping, Optional


def choices_in(part: Mapping[str, Any]) -> List[Mapping[str, Any]]:
    """The part's choices with ``index`` 0 or without one; an empty one if it has none.

    There may be two: Copilot has the text in one and the calls of tools in the next
    (HKUDS/nanobot#1481).

    :raises ValueError: ``choices`` is no list of objects.
    """
    choices = part.get("choices")
    if choices is None:
        return [{}]
    if not isinstance(choices, list):
        raise ValueError(f"choices: has to be a list, not {type(choices).__name__}")
    for choice in choices:
        if choice is not None and not isinstance(choice, dict):
            raise ValueError(f"choices: has to hold objects, not {type(choice).__name__}")
    first = [choice for choice in choices if choice and _is_first(choice.get("index"))]
    return first or [{}]


def _is_first(index: Any) -> bool:
    return not index or not isinstance(index, (int, float)) or index < 0


def word_in(value: Any) -> Optional[str]:
    """A word, of ``finish_reason``; ``None`` for all that is none. Some servers send ``""`` or
    ``"null"`` (DashScope) in each part before the last."""
    if not isinstance(value, str) or value.strip().lower() in ("", "null", "none"):
        return None
    return value

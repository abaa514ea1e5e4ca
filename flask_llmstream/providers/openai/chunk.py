"""One part of an answer in OpenAI's form, of either endpoint, streamed or whole: its JSON, its one
choice and the members that say something.

Source: OpenAI's reference, "Chat Completions" and "Completions (legacy)". Members that other
servers leave out or fill differently are read as far as they make sense.
"""

from __future__ import annotations

import json
from typing import Any, Dict, FrozenSet, List, Mapping, Optional

from ..upstream.json_values import json_value

MAX_PART_BYTES = 16 * 1024 * 1024
"""The most bytes of one part, 16 MiB. A picture in it has some megabytes. A larger part ends the
answer with ``answer_too_large``."""

_DEEPEST = 300
"""The most levels of a part. JSON's encoder goes deeper."""


def parse_part(data: str) -> Any:
    """The value of a part's JSON. Numbers that JSON does not have (``NaN``) become ``None``.

    :raises ValueError: it is no JSON, or is nested too deeply.
    """
    try:
        part = json_value(data)
    except RecursionError:
        raise ValueError("it is nested too deeply") from None
    # A text with few brackets is not deep, and most have few.
    if data.count("{") + data.count("[") > _DEEPEST and _is_deeper(part, _DEEPEST):
        raise ValueError("it is nested too deeply")
    return part


def is_cut(error: ValueError) -> bool:
    """Whether the JSON that :func:`parse_part` could not read only lacks its end."""
    if not isinstance(error, json.JSONDecodeError):
        return False
    text = error.doc.strip()
    is_begun = text[:1] in ("", "{", "[")
    ends_early = error.pos >= len(error.doc.rstrip()) or error.msg.startswith("Unterminated")
    return is_begun and (ends_early or text[-1:] not in ("}", "]"))


def is_done(data: str) -> bool:
    """Whether it is the mark of the end. Some servers send it as a JSON string."""
    return data.strip().strip('"').upper() == "[DONE]"


def is_whole(data: str) -> bool:
    """Whether data without their blank line can be taken for whole."""
    try:
        parse_part(data)
    except ValueError:
        return is_done(data)
    return True


def _is_deeper(value: Any, levels: int) -> bool:
    inside = value.values() if isinstance(value, dict) else value
    if not isinstance(value, (dict, list)):
        return False
    return levels == 0 or any(_is_deeper(each, levels - 1) for each in inside)


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


def members_in(holder: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    """An object inside another one; empty if it says nothing.

    :raises ValueError: it is no object.
    """
    inner = holder.get(name)
    if not says_something(inner):
        return {}
    if not isinstance(inner, dict):
        raise ValueError(f"{name}: has to be an object, not {type(inner).__name__}")
    return inner


def says_something(value: Any) -> bool:
    """Null and the empty text, list and object say nothing. Zero and false do."""
    return value is not None and value != "" and value != [] and value != {}


def word_in(value: Any) -> Optional[str]:
    """A word, of ``finish_reason``; ``None`` for all that is none. Some servers send ``""`` or
    ``"null"`` (DashScope) in each part before the last."""
    if not isinstance(value, str) or value.strip().lower() in ("", "null", "none"):
        return None
    return value


def others_in(members: Mapping[str, Any], read: FrozenSet[str]) -> Dict[str, Any]:
    """The members that say something, without those that are read elsewhere."""
    return {
        name: value
        for name, value in members.items()
        if name not in read and says_something(value)
    }

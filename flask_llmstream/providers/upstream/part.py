"""One part of an answer as its server sends it: a JSON text. Standard library only, no I/O."""

from __future__ import annotations

import json
from typing import Any

from .json_values import json_value

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

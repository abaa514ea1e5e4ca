"""The members of a part of an answer, checked where they are read.

Standard library only, no I/O.
"""

from __future__ import annotations

from typing import Any, Collection, Dict, Mapping


def says_something(value: Any) -> bool:
    """Null and the empty text, list and object say nothing. Zero and false do."""
    return value is not None and value != "" and value != [] and value != {}


def type_of(holder: Mapping[str, Any]) -> str:
    """The ``type`` of an event, a block or a delta.

    :raises ValueError: it has none.
    """
    kind = holder.get("type")
    if not isinstance(kind, str) or not kind:
        raise ValueError(f"type: has to be a word, not {kind!r:.40}")
    return kind


def text_in(holder: Mapping[str, Any], name: str) -> str:
    """A text; ``""`` for ``None``.

    :raises ValueError: it is another value.
    """
    value = holder.get(name)
    if value is not None and not isinstance(value, str):
        raise ValueError(f"{name}: has to be text, not {type(value).__name__}")
    return value or ""


def object_in(holder: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    """An object inside another one; empty if it says nothing.

    :raises ValueError: it is another value.
    """
    value = holder.get(name)
    if not says_something(value):
        return {}
    if not isinstance(value, dict):
        raise ValueError(f"{name}: has to be an object, not {type(value).__name__}")
    return value


def others_in(holder: Mapping[str, Any], read: Collection[str]) -> Dict[str, Any]:
    """The members that say something, without those that are read elsewhere."""
    return {
        name: value
        for name, value in holder.items()
        if name not in read and says_something(value)
    }

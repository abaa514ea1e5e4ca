"""Values from a client, each checked where it is read. Each error names the value's place."""

from __future__ import annotations

from typing import Any, Dict, List, Mapping, Optional

from ..errors import RequestError
from .fields import json_type, shown


def text(at: str, value: Any) -> str:
    """The same text."""
    if not isinstance(value, str):
        raise RequestError(f"has to be text, not {json_type(value)}", field=at)
    return value


def word(at: str, value: Any) -> str:
    """The same text, which is not empty."""
    if not text(at, value):
        raise RequestError("is empty", field=at)
    return str(value)


def an_object(at: str, value: Any) -> Mapping[str, Any]:
    """The same object."""
    if not isinstance(value, dict):
        raise RequestError(f"has to be an object, not {json_type(value)}", field=at)
    return value


def a_list(at: str, value: Any) -> List[Any]:
    """The same list."""
    if not isinstance(value, list):
        raise RequestError(f"has to be a list, not {json_type(value)}", field=at)
    return value


def optional_list(at: str, value: Any) -> List[Any]:
    """The same list. ``None`` is an empty one."""
    return [] if value is None else a_list(at, value)


def flag(at: str, value: Any) -> Optional[bool]:
    """The same flag. ``None``: it was not given."""
    if value is not None and not isinstance(value, bool):
        raise RequestError(f"has to be true or false, not {json_type(value)}", field=at)
    return value


def given(members: Mapping[str, Any]) -> Dict[str, Any]:
    """The members that are not ``None``: null asks for nothing."""
    return {name: value for name, value in members.items() if value is not None}


def unknown_kind(at: str, kind: Any, known: str) -> RequestError:
    """The error for a ``type`` that can't be read here.

    :param at: the object that has the type.
    :param known: the types that can be read, in words.
    """
    told = repr(shown(kind)) if isinstance(kind, str) else json_type(kind)
    return RequestError(f"{told} can't be read here, but {known} can", field=f"{at}.type")

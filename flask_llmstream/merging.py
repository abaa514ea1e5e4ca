"""``Merged``: the pieces of a JSON value that came one by one, as one value. No I/O.

It takes linear time, however many pieces there are.
"""

from __future__ import annotations

from typing import Any, Dict, List, Mapping, Tuple

LABELS = frozenset(
    {"id", "type", "name", "role", "format", "object", "model", "status", "signature"}
)
"""The members whose text is a whole in each piece. Servers repeat it, or send it once."""

PIECES: Tuple[type, ...] = (str, list)
"""The types of values that come in pieces, in a delta."""


class Merged:
    """One JSON value, made of its pieces.

    Texts are joined, except those of :data:`LABELS`. Lists are joined; the objects in them that
    have a whole number as ``index`` are merged where it is the same. Objects are merged member by
    member. Of all other values the last counts, and so it does where the type changes. ``None``
    says nothing, nor does an empty text behind another value.

    :param joined: which of ``str`` and ``list`` come in pieces. Of another the last value counts.
    """

    __slots__ = ("_joined", "_kind", "_last", "_pieces", "_members")

    def __init__(self, joined: Tuple[type, ...] = PIECES) -> None:
        self._joined = joined
        self._kind: Any = None
        self._last: Any = None
        self._pieces: List[Any] = []
        self._members: Dict[Any, Merged] = {}

    def add(self, value: Any) -> int:
        """Add the next piece.

        :returns: about the number of characters that are kept of it.
        """
        if value is None or (value == "" and self._kind is not None):
            return 0
        kind = _kind_of(value)
        if kind is not self._kind:
            self._kind, self._last, self._pieces, self._members = kind, None, [], {}
        if kind is dict:
            return sum(self._add_member(name, each) for name, each in value.items())
        if kind not in self._joined:
            return self._replace(value)
        if kind is list:
            return sum(map(self._add_item, value))
        self._pieces.append(value)
        return len(value)

    def _replace(self, value: Any) -> int:
        if value == self._last:
            return 0
        self._last = value
        return _characters(value)

    def _add_member(self, name: Any, value: Any) -> int:
        if name in self._members:
            return self._members[name].add(value)
        without_text = tuple(kind for kind in self._joined if kind is not str)
        self._members[name] = Merged(without_text if name in LABELS else self._joined)
        return len(str(name)) + self._members[name].add(value)

    def _add_item(self, item: Any) -> int:
        index = item.get("index") if isinstance(item, Mapping) else None
        if type(index) is not int:
            self._pieces.append(item)
            return _characters(item)
        if index not in self._members:
            self._members[index] = Merged(self._joined)
            self._pieces.append(self._members[index])
        return self._members[index].add(item)

    @property
    def value(self) -> Any:
        """The one value; ``None`` where nothing was said."""
        if self._kind is dict:
            return {name: member.value for name, member in self._members.items()}
        if self._kind not in self._joined:
            return self._last
        if self._kind is str:
            return "".join(self._pieces)
        return [item.value if isinstance(item, Merged) else item for item in self._pieces]


def _kind_of(value: Any) -> type:
    if isinstance(value, str):
        return str
    if isinstance(value, Mapping):
        return dict
    return list if isinstance(value, (list, tuple)) else object


def _characters(value: Any) -> int:
    """About the number of characters of a value in JSON."""
    if isinstance(value, str):
        return len(value) + 2
    if isinstance(value, Mapping):
        return sum(len(str(name)) + _characters(item) + 4 for name, item in value.items()) + 2
    if isinstance(value, (list, tuple)):
        return sum(_characters(item) + 1 for item in value) + 2
    return 8

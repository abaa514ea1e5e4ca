"""``Template``: JSON texts that differ only in the values of some members.

A parser of JSON reads from left to right. Two texts that are the same but for one value bring it
into the same state before this value and behind it, so all else that they say is the same. A text
with a known beginning and a known end costs only the look at these, and the value itself, which is
read by the scanner of the standard library's parser.
"""

from __future__ import annotations

import re
from json import decoder
from typing import Any, Callable, Dict, Iterable, List, NamedTuple, Optional, Tuple

from ..upstream.json_values import scan_value

_MEMBER = re.compile(r'"(\w+)"[ \t\n\r]*:[ \t\n\r]*')
"""The name of a member, up to its value. No string has this in it: a quotation mark is escaped
there. It may be the end of a longer name with such an escape."""


Scan = Callable[[str, int], Tuple[Any, int]]
"""Reads the value that begins at a place. Returns it, and the place behind it."""

_scan_string: Scan = vars(decoder)["scanstring"]  # its place is the one behind the quotation mark


class _Hole(NamedTuple):
    """The place of a value that may change.

    :ivar before: the text between the value before and this one, with the opening quotation mark
        of a string.
    :ivar length: the characters of ``before``.
    :ivar scan: reads the value behind ``before``.
    """

    before: str
    length: int
    scan: Scan


class Template:
    """A JSON text in which the values of some members may change.

    :param text: a JSON text.
    :param names: the members' names. One that the text has twice, or with another value than a
        string, a number or a constant, has its value here.
    :ivar names: the names of the other members, in the order of the text.
    """

    def __init__(self, text: str, names: Iterable[str]) -> None:
        places = _places(text, frozenset(names))
        self.names = list(places)
        self._parts: List[str] = []
        self._holes: List[_Hole] = []
        behind = 0
        for start, end in places.values():
            is_string = text[start] == '"'
            before = text[behind : start + is_string]
            self._holes.append(_Hole(before, len(before), _scan_string if is_string else _scalar))
            self._parts.append(text[behind:start])
            behind = end
        self._end = text[behind:]

    def values_in(self, text: str) -> Optional[List[Any]]:
        """The values in the order of :attr:`names`; ``None`` if something else in the text differs,
        or if it is no JSON."""
        values, at = [], 0
        try:
            for before, length, scan in self._holes:
                start = at + length
                if text[at:start] != before:  # half the time of startswith()
                    return None
                value, at = scan(text, start)
                values.append(value)
        except (StopIteration, ValueError, RecursionError):
            return None
        return values if text[at:] == self._end else None

    def filled(self, values: Iterable[str]) -> str:
        """The text with other values, each a JSON text, in the order of :attr:`names`."""
        return "".join(map(str.__add__, self._parts, values)) + self._end


def _places(text: str, names: Iterable[str]) -> Dict[str, Tuple[int, int]]:
    """The beginnings and the ends of the values."""
    places: Dict[str, Tuple[int, int]] = {}
    twice = set()
    for member in _MEMBER.finditer(text):
        name = member[1]
        if name in names:
            twice.update({name} & places.keys())
            try:
                places[name] = (member.end(), _scalar(text, member.end())[1])
            except (StopIteration, ValueError, RecursionError):
                twice.add(name)
    return {name: place for name, place in places.items() if name not in twice}


def _scalar(text: str, at: int) -> Tuple[Any, int]:
    value, end = scan_value(text, at)
    if isinstance(value, (dict, list)):
        raise ValueError("it is no string, number or constant")
    return value, end

"""``AlikeParts``: the parts of an answer that differ from the part before only in their text.

Most are so: parts of the text, of reasoning, of the arguments of a call. Their JSON is not parsed.
:class:`~.answer.Answer` reads all others, and it alone knows the form.
"""

from __future__ import annotations

import json
from functools import partial
from typing import Any, Callable, Dict, Iterator, NamedTuple, Optional, Sequence, Tuple

from ...deltas import Delta, ToolCallDelta
from ..base import Piece
from ..upstream.members import says_something
from ..upstream.part import parse_part
from .delta import DeltaReader
from .template import Template

_NOISE = frozenset({"id", "created", "obfuscation"})
"""Members of a part that say nothing about the answer. Some servers have another ID or a clock in
each part, and OpenAI random characters, which hide the length of a token."""

Path = Tuple[Any, ...]
"""The keys and the indexes that lead to a value."""

_CHOICE: Path = ("choices", 0)
_DELTA: Path = (*_CHOICE, "delta")
_CALL: Path = (*_DELTA, "tool_calls", 0, "function")
_TEXTS: Tuple[Path, ...] = ((*_DELTA, "content"), (*_CHOICE, "text"))
_OTHERS: Tuple[Path, ...] = (*_TEXTS, ("choices", 1))
"""Values on which it may depend what a text beside them says."""


class _Way(NamedTuple):
    """A way to read one text.

    :ivar path: leads to the text.
    :ivar text: the text.
    :ivar go_on: takes the next text to the answer, and returns its piece; ``None`` for one that
        may say more.
    """

    path: Path
    text: str
    go_on: Callable[[str], Optional[Piece]]


class AlikeParts:
    """The parts of one answer that are like the part before.

    :param reader: takes the texts.
    """

    def __init__(self, reader: DeltaReader) -> None:
        self._reader = reader
        self._template: Optional[Template] = None
        self._place = 0
        self._go_on: Callable[[str], Optional[Piece]] = reader.more_text
        self._before: Dict[str, Any] = {}
        self._changing = {"obfuscation"}
        self._misses = 0

    def piece_in(self, data: str) -> Optional[Piece]:
        """The piece of a part that is like the one before. ``None``: it has to be read.

        :param data: the part's JSON.
        """
        if self._template is None:
            return None
        values = self._template.values_in(data)
        if values is None:
            return None
        text = values[self._place]
        if not text or text.__class__ is not str:
            return None
        self._misses = 0
        return self._go_on(text)

    def learn(self, data: str, part: Any, pieces: Sequence[Piece]) -> None:
        """Look whether the next parts may be like this one, which was read.

        What a part says depends on those before it, so from here on none is taken for like an
        earlier one. The more parts are like none, the rarer they are looked at.

        :param data: the part's JSON.
        :param part: its value.
        :param pieces: what it says.
        """
        self._template = None
        self._misses += 1
        if self._misses & (self._misses - 1):  # not the first, second, fourth, eighth ...
            return
        way = self._way_of(part, pieces)
        if way is not None:
            self._look_for_changes(part)
            self._take(Template(data, {way.path[-1], *self._changing & part.keys()}), data, way)

    def _way_of(self, part: Any, pieces: Sequence[Piece]) -> Optional[_Way]:
        if len(pieces) != 1:
            return None
        for way in _ways(self._reader, pieces[0]):
            others = (_at(part, path) for path in _OTHERS if path != way.path)
            if _at(part, way.path) == way.text and not any(map(says_something, others)):
                return way
        return None

    def _look_for_changes(self, part: Dict[str, Any]) -> None:
        noise = {name: part.get(name) for name in _NOISE}
        before = self._before or noise
        self._changing |= {name for name in _NOISE if before[name] != noise[name]}
        self._before = noise

    def _take(self, template: Template, data: str, way: _Way) -> None:
        """Take a template if its holes are the values that are meant, and no others of this name:
        in a text with other values in its holes, these have changed."""
        others = [f"{value}." for value in template.values_in(data) or ()]
        part = parse_part(template.filled(map(json.dumps, others)))
        paths = [way.path if name == way.path[-1] else (name,) for name in template.names]
        if way.path in paths and [_at(part, path) for path in paths] == others:
            self._template, self._place = template, paths.index(way.path)
            self._go_on = way.go_on


def _ways(reader: DeltaReader, piece: Piece) -> Iterator[_Way]:
    """The ways to read a piece that is one text."""
    if isinstance(piece, str):
        for path in _TEXTS:
            yield _Way(path, piece, reader.more_text)
    elif isinstance(piece, Delta):
        name, reasoning = piece.reasoning_name, piece.reasoning
        if piece == Delta(reasoning=reasoning, reasoning_name=name):
            yield _Way((*_DELTA, name), reasoning, partial(reader.more_reasoning, name))
        for call in piece.tool_calls:
            text = call.arguments or ""
            if piece == Delta(tool_calls=(ToolCallDelta(call.index, arguments=text),)):
                more = partial(reader.more_arguments, call.index)
                yield _Way((*_CALL, "arguments"), text, more)


def _at(value: Any, path: Path) -> Any:
    """The value to which a path leads; ``None`` without one."""
    try:
        for key in path:
            value = value[key]
    except (IndexError, KeyError, TypeError):
        return None
    return value

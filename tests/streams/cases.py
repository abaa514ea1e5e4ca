"""The published cases, read from their files. Standard library only.

:data:`PARSER` has the streams of ``parser/``, :data:`TEXTS` the texts of ``texts/``.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any, Dict, Iterable, Iterator, List, NamedTuple, Sequence, Tuple

from .writing import WRITINGS, read_token

HERE = Path(__file__).parent


class Stream(NamedTuple):
    """Bytes that a server of the standard may send.

    :ivar cuts: the places where it is cut into segments: the numbers of bytes before them.
    :ivar data: the data of the events that a right reader gives.
    :ivar text: the text that its user reads.
    """

    body: bytes
    cuts: Sequence[int]
    data: List[str]
    text: str

    def segments(self) -> Iterator[bytes]:
        """The stream, cut at its places."""
        return segments(self.body, self.cuts)


class TextCase(NamedTuple):
    """A text as a model says it.

    :ivar rule: what it tries, in a sentence.
    :ivar tokens: its pieces. One may end within a surrogate pair.
    :ivar streams: its streams, by the way in which each is written.
    """

    name: str
    rule: str
    tokens: List[str]
    text: str
    streams: Dict[str, Stream]


class ParserCase(NamedTuple):
    """A stream that may have any fault, and all that a right parser tells of it.

    :ivar expected: its ``events``, and behind them ``last_event_id`` and ``retry``.
    """

    name: str
    rule: str
    body: bytes
    expected: Dict[str, Any]


def segments(body: bytes, cuts: Iterable[int]) -> Iterator[bytes]:
    """Bytes, cut at these places."""
    ends = [0, *sorted(cuts), len(body)]
    return (body[start:end] for start, end in zip(ends, ends[1:]))


def _text_case(path: Path) -> TextCase:
    case = json.loads(path.read_text("utf-8"))
    streams = {
        name: Stream(one["stream"].encode(), one["cuts"], one["data"], one["text"])
        for name, one in case["streams"].items()
    }
    tokens = list(map(read_token, case["tokens"]))
    return TextCase(path.stem, case["rule"], tokens, case["text"], streams)


def _parser_case(path: Path) -> ParserCase:
    expected = json.loads(path.read_text("utf-8"))
    rule = expected.pop("rule")
    return ParserCase(path.stem, rule, path.with_suffix(".sse").read_bytes(), expected)


PARSER = {path.stem: _parser_case(path) for path in sorted(HERE.glob("parser/*.json"))}
TEXTS = {path.stem: _text_case(path) for path in sorted(HERE.glob("texts/*.json"))}

# All texts as one answer. Where a text stands counts for two: one is the first, one the last. Those
# that some readers take for an end stand behind the others.

_FIRST, _LAST = "bom_first", "half_alone_last"
_ORDER = sorted(
    TEXTS, key=lambda name: (name != _FIRST, name == _LAST, name.startswith("looks_like"))
)
_NAMED = re.compile(r"\[\[(\w+)\]\]")


def all_tokens() -> Iterator[str]:
    """The tokens of all texts, with a token between two texts that names the second."""
    for name in _ORDER:
        if name != _FIRST:
            yield f"[[{name}]]"
        yield from TEXTS[name].tokens


def all_as(writing: str) -> Stream:
    """The streams of all texts as one, with an event between two texts that names the second."""
    parts: List[Stream] = []
    for name in _ORDER:
        if name != _FIRST:
            parts.append(_marker(writing, f"[[{name}]]"))
        parts.append(TEXTS[name].streams[writing])
    starts = [sum(len(part.body) for part in parts[:at]) for at in range(len(parts))]
    cuts = [start + cut for start, part in zip(starts, parts) for cut in [0, *part.cuts]]
    data = [each for part in parts for each in part.data]
    body, text = b"".join(part.body for part in parts), "".join(part.text for part in parts)
    return Stream(body, cuts[1:], data, text)


def _marker(writing: str, name: str) -> Stream:
    written, data, _ = WRITINGS[writing][1]([name])
    return Stream(written.encode(), [], data, name)


def apart(text: str) -> Dict[str, str]:
    """What was read of each text, out of what was read of all. A text may be missing."""
    first, *rest = _NAMED.split(text)
    return {_FIRST: first, **dict(zip(rest[::2], rest[1::2]))}


def differences(text: str, expected: Dict[str, str]) -> Dict[str, Tuple[str, str]]:
    """What was to be read and what was read of each text that is not equal.

    :param text: what was read of all.
    :param expected: each text as it has to be.
    """
    got = apart(text)
    pairs = {name: (right, got.get(name, "")) for name, right in expected.items()}
    return {name: pair for name, pair in pairs.items() if pair[0] != pair[1]}

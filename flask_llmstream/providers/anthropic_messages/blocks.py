"""``block_for``: one content block of an answer, from its start to its stop.

A block of a kind that is not known here is kept: it comes whole, at its stop. Source: Anthropic's
reference, "Streaming Messages", "Content block delta types". Standard library only, no I/O.
"""

from __future__ import annotations

import json
import secrets
from dataclasses import dataclass
from typing import Any, Dict, Iterator, List, Mapping

from ...deltas import Delta, ToolCallDelta
from ...merging import Merged
from ...sse.strict_json import read_json
from ..base import Piece
from ..upstream.members import others_in, text_in, type_of
from .citations import annotation_of


@dataclass
class Places:
    """How much of an answer has come. Clients take these numbers for places in lists.

    :ivar chars: the characters of text.
    """

    chars: int = 0
    calls: int = 0
    thinking_blocks: int = 0
    content_parts: int = 0
    annotations: int = 0
    citations: int = 0

    def numbered(self, name: str, item: Mapping[str, Any]) -> Dict[str, Any]:
        """The item with its ``index`` in the list of that name, by which clients join lists."""
        index = getattr(self, name)
        setattr(self, name, index + 1)
        return {"index": index, **item}


class Block:
    """A block of another kind than those below: a server's tool, its result, what is yet to come.

    :param start: the block, as it was when it started.
    :param places: of its answer.
    """

    def __init__(self, start: Mapping[str, Any], places: Places) -> None:
        self._start = start
        self._places = places
        self._more = Merged()
        self._input: List[str] = []

    def begin(self) -> Iterator[Piece]:
        """The pieces that its start says."""
        yield from ()

    def read(self, kind: str, delta: Mapping[str, Any]) -> Iterator[Piece]:
        """The pieces that its next delta says.

        :param kind: the type of the delta.
        :raises ValueError: a member is unreadable; the message names it.
        """
        if kind == "input_json_delta":
            self._input.append(text_in(delta, "partial_json"))
        else:
            self._more.add(others_in(delta, ("type",)))
        yield from ()

    def end(self) -> Iterator[Piece]:
        """The pieces that are said at its stop."""
        yield self._part({**self._start, **self._joined(), **self._whole_input()})

    def _part(self, part: Mapping[str, Any]) -> Delta:
        return Delta(extra={"content_parts": [self._places.numbered("content_parts", part)]})

    def _joined(self) -> Dict[str, Any]:
        """What came in deltas that are not known."""
        more = self._more.value or {}
        before = Merged()
        before.add({name: self._start[name] for name in more if name in self._start})
        before.add(more)
        joined: Dict[str, Any] = before.value or {}
        return joined

    def _whole_input(self) -> Dict[str, Any]:
        if not any(self._input):
            return {}
        text = "".join(self._input)
        try:
            return {"input": read_json(text)}
        except (ValueError, RecursionError):  # the model stopped inside it, or it is no JSON
            return {"input": text}


class TextBlock(Block):
    """Text, and the sources that it cites."""

    def __init__(self, start: Mapping[str, Any], places: Places) -> None:
        super().__init__(start, places)
        self._begin = places.chars
        cited = start.get("citations")
        self._citations: List[Any] = list(cited) if isinstance(cited, list) else []

    def begin(self) -> Iterator[Piece]:
        self._more.add(others_in(self._start, ("type", "text", "citations")))
        yield from self._said(text_in(self._start, "text"))

    def read(self, kind: str, delta: Mapping[str, Any]) -> Iterator[Piece]:
        if kind == "text_delta":
            others = others_in(delta, ("type", "text"))
            if others:
                yield Delta(extra=others)
            yield from self._said(text_in(delta, "text"))
        elif kind == "citations_delta":
            self._citations.append(delta.get("citation"))
        else:
            yield from super().read(kind, delta)

    def end(self) -> Iterator[Piece]:
        place = (self._begin, self._places.chars)
        for citation in filter(None, self._citations):
            note = annotation_of(citation, *place)
            if note is not None:
                yield Delta(annotations=(self._places.numbered("annotations", note),))
            else:
                cited = {"citation": citation, "start_index": place[0], "end_index": place[1]}
                yield Delta(extra={"citations": [self._places.numbered("citations", cited)]})
        if self._more.value:
            yield self._part({"type": "text", **self._more.value})

    def _said(self, text: str) -> Iterator[str]:
        if text:
            self._places.chars += len(text)
            yield text


class _Thinking(Block):
    """Thinking. The whole block comes at its stop, signed: a conversation with calls of tools has
    to send it back unchanged."""

    def __init__(self, start: Mapping[str, Any], places: Places) -> None:
        super().__init__(start, places)
        self._thoughts: List[str] = []
        self._signature = text_in(start, "signature")

    def begin(self) -> Iterator[Piece]:
        self._more.add(others_in(self._start, ("type", "thinking", "signature")))
        yield from self._said(text_in(self._start, "thinking"))

    def read(self, kind: str, delta: Mapping[str, Any]) -> Iterator[Piece]:
        if kind == "thinking_delta":
            self._more.add(others_in(delta, ("type", "thinking")))
            yield from self._said(text_in(delta, "thinking"))
        elif kind == "signature_delta":
            self._signature = text_in(delta, "signature")
        else:
            yield from super().read(kind, delta)

    def end(self) -> Iterator[Piece]:
        more = self._more.value or {}
        if self._signature or more:
            whole = {"thinking": "".join(self._thoughts), "signature": self._signature}
            yield _thinking_block(self._places, {"type": "thinking", **whole, **more})

    def _said(self, thought: str) -> Iterator[Delta]:
        if thought:
            self._thoughts.append(thought)
            yield Delta(reasoning=thought)


class _RedactedThinking(Block):
    """Thinking that only Anthropic can read."""

    def end(self) -> Iterator[Piece]:
        yield _thinking_block(self._places, {**self._start, **self._joined()})


class _ToolUse(Block):
    """A call of a tool of the client's."""

    def __init__(self, start: Mapping[str, Any], places: Places) -> None:
        super().__init__(start, places)
        self._index = places.calls
        places.calls += 1

    def begin(self) -> Iterator[Piece]:
        name = text_in(self._start, "name")
        if not name:
            raise ValueError("name: a call of a tool has none")
        call_id = text_in(self._start, "id") or f"call_{secrets.token_hex(12)}"
        extra = others_in(self._start, ("type", "id", "name", "input"))
        yield self._fragment(id=call_id, name=name, arguments="", extra=extra)

    def read(self, kind: str, delta: Mapping[str, Any]) -> Iterator[Piece]:
        if kind != "input_json_delta":
            yield self._fragment(extra=others_in(delta, ("type",)))
            return
        arguments = text_in(delta, "partial_json")
        if arguments:
            self._input.append(arguments)
            yield self._fragment(arguments=arguments)

    def end(self) -> Iterator[Piece]:
        if not self._input:  # a tool without arguments, or all of them at the start
            yield self._fragment(arguments=json.dumps(self._start.get("input") or {}))

    def _fragment(self, **fields: Any) -> Delta:
        return Delta(tool_calls=(ToolCallDelta(self._index, **fields),))


_KINDS = {
    "text": TextBlock,
    "thinking": _Thinking,
    "redacted_thinking": _RedactedThinking,
    "tool_use": _ToolUse,
}


def block_for(start: Any, places: Places) -> Block:
    """The reader of a block.

    :param start: the ``content_block`` of its start.
    :raises ValueError: it is no block; the message names the member.
    """
    if not isinstance(start, dict):
        raise ValueError(f"content_block: has to be an object, not {type(start).__name__}")
    return _KINDS.get(type_of(start), Block)(start, places)


def _thinking_block(places: Places, block: Mapping[str, Any]) -> Delta:
    return Delta(extra={"thinking_blocks": [places.numbered("thinking_blocks", block)]})

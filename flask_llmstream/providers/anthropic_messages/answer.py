"""``Answer``: one answer of the Messages API as it comes, event by event.

Most events have only the next text of the answer. Such a one costs a few look-ups, and becomes a
``str``. Source: Anthropic's reference, "Streaming Messages". Standard library only, no I/O.
"""

from __future__ import annotations

from typing import Any, Callable, Dict, Iterator, Mapping, Optional, Tuple, Union

from ...deltas import Delta
from ...records import Usage
from ..base import Piece
from ..upstream.counts import merged
from ..upstream.in_band import failure_in, is_notice
from ..upstream.members import object_in, others_in, text_in, type_of
from .blocks import Block, Places, TextBlock, block_for
from .usage import usage_of

_MESSAGE = ("id", "type", "role", "content", "model", "usage", "stop_reason", "stop_details",
            "stop_sequence")  # fmt: skip
_EVENT = {
    "message_start": ("type", "message", "usage"),
    "content_block_start": ("type", "index", "content_block"),
    "content_block_delta": ("type", "index", "delta"),
    "content_block_stop": ("type", "index"),
    "message_delta": ("type", "delta", "usage"),
    "message_stop": ("type", "usage"),
}
"""The events that are known, and the members of each that are read."""


class Answer:
    """Reads the events of one answer.

    :ivar finish_reason: why the model stopped, in Anthropic's word; ``None`` before it says so.
    :ivar failure: the server's error, in the server's own form; ``None`` without one.
    :ivar is_whole: whether the server has said that this is all.
    :ivar has_said_anything: whether the model has said anything, or why it stopped.
    """

    def __init__(self) -> None:
        self.finish_reason: Optional[str] = None
        self.failure: Any = None
        self.is_whole = False
        self.has_said_anything = False
        self._counts: Dict[str, Any] = {}
        self._places = Places()
        self._blocks: Dict[Any, Block] = {}
        self._open_text: Any = None
        self._readers: Dict[str, Callable[[Mapping[str, Any]], Iterator[Piece]]] = {
            "message_start": self._started,
            "content_block_start": self._block_started,
            "content_block_delta": self._block_news,
            "content_block_stop": self._block_stopped,
            "message_delta": self._message_news,
            "message_stop": self._stopped,
        }

    @property
    def usage(self) -> Usage:
        """What the answer cost."""
        reason = self.finish_reason or ("tool_use" if self._places.calls else "end_turn")
        return usage_of(self._counts, reason)

    def end_turn(self) -> None:
        """Read the events that follow as the next answer's. Its calls of tools are numbered on."""
        self.finish_reason = None
        self.is_whole = False
        self._counts = {}

    def read(self, event: Any) -> Union[str, Tuple[Piece, ...]]:
        """The next text of the answer, or the next pieces; ``""`` or none if the event says
        nothing.

        :param event: the value of the event's JSON.
        :raises ValueError: it is no event of an answer; the message names the member.
        """
        try:
            delta = event["delta"]
            text = delta["text"]
            is_plain = (
                text.__class__ is str
                and delta["type"] == "text_delta"
                and event["type"] == "content_block_delta"
                and event["index"] == self._open_text
                and len(delta) == 2
                and len(event) == 3
            )
        except (KeyError, TypeError):
            is_plain = False
        if not is_plain:
            return self._read(event)
        self._places.chars += len(text)
        self.has_said_anything = self.has_said_anything or text != ""
        return text  # type: ignore[no-any-return]  # its class was looked at

    def _read(self, event: Any) -> Tuple[Piece, ...]:
        if event is None or event == "":
            return ()
        try:
            pieces = tuple(self._pieces(event))
        except RecursionError:
            raise ValueError("it is nested too deeply") from None
        self.has_said_anything = self.has_said_anything or bool(pieces)
        return pieces

    def _pieces(self, event: Any) -> Iterator[Piece]:
        kind = event.get("type") if isinstance(event, dict) else None
        if not isinstance(kind, str) or kind not in _EVENT:
            yield from self._other(event)
            return
        others = others_in(event, _EVENT[kind])
        if others:
            yield Delta(chunk_extra=others)
        self._counts = merged(self._counts, _counts_in(event))
        yield from self._readers[kind](event)

    def _other(self, event: Any) -> Iterator[Piece]:
        """An error, a keep-alive, or an event that is yet to come, which is kept."""
        if not isinstance(event, dict) or event.get("error") or not event.get("type"):
            self.failure = failure_in(event)
        elif event["type"] == "error":
            self.failure = event
        if self.failure is not None:
            return
        if not isinstance(event, dict):
            raise ValueError(f"an event has to be an object, not {type(event).__name__}")
        others = others_in(event, ("type",))
        if others and not is_notice(type_of(event)):
            yield Delta(chunk_extra={type_of(event): others})

    def _started(self, event: Mapping[str, Any]) -> Iterator[Piece]:
        """Mostly empty; the whole answer where it is not streamed."""
        message = object_in(event, "message")
        self._counts = merged(self._counts, _counts_in(message))
        others = others_in(message, _MESSAGE)
        if others:
            yield Delta(chunk_extra=others)
        content = message.get("content")
        for each in content if isinstance(content, list) else ():
            block = block_for(each, self._places)
            yield from block.begin()
            yield from block.end()
        yield from self._ended(message, {})

    def _block_started(self, event: Mapping[str, Any]) -> Iterator[Piece]:
        yield from self._block_stopped(event)  # a server that forgot to
        yield from self._opened(event, event.get("content_block")).begin()

    def _block_news(self, event: Mapping[str, Any]) -> Iterator[Piece]:
        delta = object_in(event, "delta")
        kind = type_of(delta)
        block = self._blocks.get(_index_of(event))
        if block is None:
            block = self._opened(event, _start_of(kind))
        yield from block.read(kind, delta)

    def _opened(self, event: Mapping[str, Any], start: Any) -> Block:
        index, block = _index_of(event), block_for(start, self._places)
        self._blocks[index] = block
        self._open_text = index if isinstance(block, TextBlock) else None
        return block

    def _block_stopped(self, event: Mapping[str, Any]) -> Iterator[Piece]:
        index = _index_of(event)
        if index in self._blocks:
            self._open_text = None
            yield from self._blocks.pop(index).end()

    def _message_news(self, event: Mapping[str, Any]) -> Iterator[Piece]:
        delta = object_in(event, "delta")
        yield from self._blocks_ended()
        yield from self._ended(delta, others_in(delta, _MESSAGE))

    def _stopped(self, event: Mapping[str, Any]) -> Iterator[Piece]:
        yield from self._blocks_ended()
        self.is_whole = True

    def _blocks_ended(self) -> Iterator[Piece]:
        self._open_text = None
        for index in list(self._blocks):
            yield from self._blocks.pop(index).end()

    def _ended(self, holder: Mapping[str, Any], others: Mapping[str, Any]) -> Iterator[Piece]:
        """The reason, and what is beside it. A refusal may have words for the reader."""
        reason = text_in(holder, "stop_reason")
        self.finish_reason = reason or self.finish_reason
        self.has_said_anything = self.has_said_anything or bool(reason)
        details = object_in(holder, "stop_details")
        said = {"stop_sequence": holder.get("stop_sequence"), "stop_details": details, **others}
        refusal = text_in(details, "explanation") if reason == "refusal" else ""
        extra = others_in(said, ())
        if refusal or extra:
            yield Delta(refusal=refusal, choice_extra=extra)


def _counts_in(holder: Mapping[str, Any]) -> Mapping[str, Any]:
    counts = holder.get("usage")
    return counts if isinstance(counts, dict) else {}


def _index_of(event: Mapping[str, Any]) -> Any:
    index = event.get("index", 0)
    if index is not None and not isinstance(index, (int, float)):
        raise ValueError(f"index: has to be a number, not {type(index).__name__}")
    return index or 0


def _start_of(kind: str) -> Mapping[str, Any]:
    """The start of a block whose server left it out; a call of a tool can't be without its."""
    if kind == "input_json_delta":
        raise ValueError("index: input_json_delta belongs to no block")
    return {"type": "thinking" if kind in ("thinking_delta", "signature_delta") else "text"}

"""``Output``: an answer becomes items, in the order in which they begin.

The text and the refusal are parts of a message. The reasoning is an item, and so is each call. A
message ends where reasoning or a call begins, and reasoning where anything else begins.
"""

from __future__ import annotations

from typing import Any, Callable, Dict, Iterable, List, Optional, Type, TypeVar

from ...deltas import Delta
from ...errors import StreamError
from ...sse.json import json_bytes
from ...sse.text import whole
from .calls import Calls
from .items import FunctionCall, InParts, Item, Message, Reasoning
from .notes import annotation_of, logprobs_of
from .parts import Event, Part, RefusalPart, SummaryPart, TextPart

MAX_CHARS = 10_000_000
"""The most characters of an answer. Its last event repeats the answer, so all of it is kept."""

P = TypeVar("P", bound=Part)


class Output:
    """The items of one answer.

    :param leave_out: counts the kinds of deltas that have no place in a response.
    :param stream_id: tells the ID of the answer's stream.
    :ivar size: about the number of characters that are kept.
    """

    def __init__(
        self, leave_out: Callable[[Iterable[str]], None], stream_id: Callable[[], str]
    ) -> None:
        self._leave_out = leave_out
        self._stream_id = stream_id
        self._items: List[Item] = []
        self._closed: Dict[int, Dict[str, Any]] = {}
        self._open: Optional[InParts] = None
        self._calls = Calls(self._begin_call)
        self.size = 0

    @property
    def text(self) -> Optional[TextPart]:
        """The text that goes on; ``None`` where something else does."""
        part = self._open and self._open.open
        return part if isinstance(part, TextPart) else None

    def count(self, added: int) -> None:
        """Count the characters that are kept.

        :raises StreamError: there are too many.
        """
        self.size += added
        if self.size > MAX_CHARS:
            raise too_large()

    def add(self, delta: Delta) -> List[Event]:
        """The events of a delta.

        :raises StreamError: the answer has become too long.
        :raises ValueError: JSON can't hold a value of it (NaN). The value is not kept, because the
            last event repeats all that is.
        """
        self.count(len(delta.text) + len(delta.reasoning) + len(delta.refusal))
        events: List[Event] = []
        if delta.reasoning:
            events.append(self._part(Reasoning, SummaryPart, events).grown(delta.reasoning))
        if delta.text or delta.logprobs:
            self._add_text(delta, events)
        if delta.annotations:
            self._add_notes(delta, events)
        if delta.refusal:
            events.append(self._part(Message, RefusalPart, events).grown(delta.refusal))
        if delta.tool_calls:
            self._add_calls(delta, events)
        if delta.extra or delta.choice_extra or delta.chunk_extra:
            self._leave_out(("extra",))
        return events

    def say(self, text: str) -> None:
        """Add a text, whose events nobody needs."""
        if self.text is None:
            self.add(Delta(text=text))
        else:
            self.count(len(text))
            self.text.pieces.append(text)

    def _add_text(self, delta: Delta, events: List[Event]) -> None:
        logprobs = logprobs_of(delta.logprobs)
        if logprobs:
            self.count(len(json_bytes(logprobs)))
            events.append(self._part(Message, TextPart, events).weighed(delta.text, logprobs))
            return
        if delta.logprobs:
            self._leave_out(("logprobs",))
        if delta.text:
            events.append(self._part(Message, TextPart, events).grown(delta.text))

    def _add_notes(self, delta: Delta, events: List[Event]) -> None:
        so_far = len(whole(self.text.text)) if self.text else 0
        notes = [annotation_of(annotation, so_far) for annotation in delta.annotations]
        for note in notes:
            if note is not None:
                self.count(len(json_bytes(note)))
                events.append(self._part(Message, TextPart, events).noted(note))
        if None in notes:
            self._leave_out(("annotations",))

    def _add_calls(self, delta: Delta, events: List[Event]) -> None:
        fragments = [each for each in delta.tool_calls if each.type in (None, "function")]
        for fragment in fragments:
            self.count(len(fragment.arguments or ""))
            self._calls.add(fragment, events)
        if len(fragments) < len(delta.tool_calls) or any(each.extra for each in fragments):
            self._leave_out(("tool_calls",))

    def _part(self, item: Type[InParts], part: Type[P], events: List[Event]) -> P:
        """The open part of this kind, in an item of that kind."""
        if not isinstance(self._open, item):
            self._close_open("completed", events)
            self._open = item(self._stream_id(), len(self._items))
            self._begin(self._open, events)
        return self._open.part(part, events)

    def _begin_call(self, call_id: str, name: str, events: List[Event]) -> FunctionCall:
        self._close_open("completed", events)
        call = FunctionCall(self._stream_id(), len(self._items), call_id, name)
        self._begin(call, events)
        return call

    def _begin(self, item: Item, events: List[Event]) -> None:
        self._items.append(item)
        events += item.opened()

    def _close_open(self, status: str, events: List[Event]) -> None:
        item, self._open = self._open, None
        if item is not None:
            self._close(item, status, events)

    def _close(self, item: Item, status: str, events: List[Event]) -> None:
        events += item.closed(status)
        self._closed[item.index] = item.as_json(status)

    def end(self, status: str) -> List[Event]:
        """The events of the items that still go on, at the answer's end.

        :param status: ``completed`` or ``incomplete``.
        """
        events: List[Event] = []
        self._calls.send_the_others(events)
        self._open = None
        for item in self._items:
            if item.index not in self._closed:
                self._close(item, status, events)
        return events

    def as_json(self) -> List[Dict[str, Any]]:
        """The items so far. One that still goes on is incomplete."""
        return [self._closed.get(each.index) or each.as_json("incomplete") for each in self._items]


def too_large() -> StreamError:
    """The error of an answer that is too long."""
    message = f"A response can't hold more than {MAX_CHARS} characters."
    return StreamError(message, code="answer_too_large", status=502)

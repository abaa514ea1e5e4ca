"""AG-UI, the Agent User Interaction Protocol: the events of one run.

data: {"type":"TEXT_MESSAGE_CONTENT","messageId":"…","delta":"Hello"}

Source: AG-UI 1.0, "Events".
"""

from __future__ import annotations

from typing import Any, Dict, List, Mapping, Optional

from ..deltas import Delta
from ..records import Ending, ErrorInfo, Gap
from ..sse.event import ServerSentEvent
from ..sse.json import json_bytes, json_string, json_text, quoted
from .ag_ui_calls import OpenCalls
from .ag_ui_events import OpenSteps, own_event, run_error, token_usage
from .base import EventStreamFormat
from .texts import NO_HEAD, ShowsDeltas

VERSION = "1.0"
"""The version of the protocol."""

_TEXT, _REASONING = "TEXT_MESSAGE", "REASONING_MESSAGE"
_OF_THE_END = ("result", "outcome")
"""The members of ``RUN_FINISHED`` that its source may give."""


class AGUIFormat(ShowsDeltas, EventStreamFormat):
    """The events of a run: ``RUN_STARTED``, those of the answer, ``RUN_FINISHED`` or ``RUN_ERROR``.

    A mapping with a ``type`` of AG-UI's, such as ``STATE_SNAPSHOT``, is sent as that event.
    ``RUN_FINISHED`` gives its ``result`` and ``outcome`` to the event of the end. Any other
    mapping, list or dataclass is the ``value`` of a ``CUSTOM`` event.

    :param event: the ``name`` of such a ``CUSTOM`` event. Default: ``data``.
    :param thread_id: the ``threadId`` of the request. Default: the stream's ID.
    :param run_id: the ``runId`` of the request. Default: the stream's ID.
    :param model: the model's name, told with the token counts. Default: none is told.
    """

    unshown = ("logprobs", "extra")
    may_be_plain = True

    def __init__(
        self,
        event: Optional[str] = None,
        *,
        thread_id: Optional[str] = None,
        run_id: Optional[str] = None,
        model: Optional[str] = None,
    ) -> None:
        super().__init__()
        self._name = event or "data"
        self._thread_id, self._run_id, self._model = thread_id, run_id, model
        self._open: Optional[str] = None
        self._messages = 0  # the number of messages so far; the last one has it in its ID
        self._has_message = False  # whether the last one can hold calls of tools
        self._calls = OpenCalls()
        self._steps = OpenSteps()
        self._finish: Dict[str, Any] = {}

    @property
    def _run(self) -> Dict[str, str]:
        given = {"threadId": self._thread_id, "runId": self._run_id}
        return {name: self.stream_id if id is None else id for name, id in given.items()}

    @property
    def _message(self) -> str:
        """The ID of the last message."""
        return f"{self.stream_id}-{self._messages}"

    @property
    def _whole_head(self) -> str:  # type: ignore[override]
        return f'data: {{"type":"{_TEXT}_CONTENT","messageId":{quoted(self._message)},"delta":'

    def opening(self, comment: Optional[str], event_id: Optional[str]) -> bytes:
        """The comment and the ID, with ``RUN_STARTED``: a reader takes each event for JSON."""
        body = {"type": "RUN_STARTED", **self._run, "protocolVersion": VERSION}
        return ServerSentEvent(body, id=event_id, comment=comment).encode()

    def item(self, item: Any) -> bytes:
        if item.__class__ is str and item:
            try:
                if item.isascii() or item.isprintable():  # no line separator is either of the two
                    return f"{self._head}{quoted(item)}}}\n\n".encode()
                return self._written(item)
            except UnicodeEncodeError:
                return self._mended(item)
        if isinstance(item, str):  # older clients refuse an empty delta
            return self.text(item) if item else b""
        if isinstance(item, Delta):
            return self.delta(item)
        if isinstance(item, ServerSentEvent):
            return self.event(item)
        return self._own(item, None, {})

    def _written(self, text: str) -> bytes:
        return f"{self._head}{json_text(text)}}}\n\n".encode()

    def _mended(self, text: str) -> bytes:
        return self._begin(_TEXT) + super()._mended(text)

    def _mark(self) -> None:
        super()._mark()
        if self._open is not _TEXT:  # the next text goes by _mended, which begins a message
            self._head = NO_HEAD

    def _shown(self, delta: Delta) -> bytes:
        frames = [self._piece(_REASONING, delta.reasoning), self._piece(_TEXT, delta.words)]
        if delta.tool_calls:
            frames += [self._end(), *self._calls_of(delta)]
        if delta.annotations:
            frames.append(_event("CUSTOM", name="annotations", value=list(delta.annotations)))
        return b"".join(frames)

    def _calls_of(self, delta: Delta) -> List[bytes]:
        if not self._has_message:
            self._messages += 1
            self._has_message = True
        members = [self._calls.members(call, self._message) for call in delta.tool_calls]
        self.leave_out("tool_calls" for each in members if each is None)
        return [_event(**each) for events in members for each in events or ()]

    # What is open.

    def _piece(self, kind: str, text: str) -> bytes:
        if not text:
            return b""
        return self._begin(kind) + _event(f"{kind}_CONTENT", messageId=self._message, delta=text)

    def _begin(self, kind: str) -> bytes:
        """Begin a message, where none of this kind is open."""
        if self._open is kind:
            return b""
        before = self._end()
        self._open, self._has_message = kind, kind is _TEXT
        self._messages += 1
        self._mark()
        if kind is _TEXT:
            return before + _event("TEXT_MESSAGE_START", messageId=self._message, role="assistant")
        start = _event("REASONING_START", messageId=self._message)
        message = _event("REASONING_MESSAGE_START", messageId=self._message, role="reasoning")
        return before + start + message

    def _end(self) -> bytes:
        """End the message that is open."""
        kind, self._open = self._open, None
        if kind is None:
            return b""
        self._head = NO_HEAD
        end = _event(f"{kind}_END", messageId=self._message)
        return end if kind is _TEXT else end + _event("REASONING_END", messageId=self._message)

    def _end_all(self) -> bytes:
        """End the message and the calls that are open. What follows begins a message of its own."""
        self._has_message = False
        return self._end() + b"".join(_event(**each) for each in self._calls.ends(self._message))

    # What the source gives beside deltas.

    def event(self, event: ServerSentEvent) -> bytes:
        """An event that the source made: one of AG-UI's by its type, any other as ``CUSTOM``."""
        if event.id is not None:
            self.has_own_ids = True
        if event.data is None:
            return event.encode()
        rest = {"id": event.id, "retry": event.retry, "comment": event.comment}
        return self._own(event.data, event.event, rest)

    def _own(self, item: Any, name: Optional[str], rest: Mapping[str, Any]) -> bytes:
        """
        :param rest: the other fields of the event in the stream.
        """
        own = own_event(item, name)
        if own is None:
            value = json_string(item) if isinstance(item, str) else self.json_item(item)
            body = b'{"type":"CUSTOM","name":%b,"value":%b}' % (
                json_string(name or self._name),
                value,
            )
            return ServerSentEvent(body.decode(), **rest).encode()
        if own["type"] == "RUN_FINISHED":
            self._finish = {member: own[member] for member in _OF_THE_END if member in own}
            return b""
        self._steps.note(own)
        before = self._end_all() if own["type"] == "TOOL_CALL_RESULT" else b""
        return before + ServerSentEvent(own, **rest).encode(self.as_json)

    def gap(self, gap: Gap) -> bytes:
        return _event("CUSTOM", name="gap", value=gap.as_json())

    # The end.

    def ending(self, ending: Ending, event_id: Optional[str]) -> bytes:
        """What is open ends first, as readers demand."""
        ends = self._end_all() + b"".join(_event(**each) for each in self._steps.ends())
        body = {"type": "RUN_FINISHED", **self._run, **self._finish}
        if ending.reason != "complete":
            body["outcome"] = {"type": "cancelled"}
        if ending.usage is not None:
            body["usage"] = [token_usage(ending.usage, self._model)]
            body["metadata"] = {"finishReason": ending.usage.finish_reason}
        return ends + ServerSentEvent(body, id=event_id).encode(self.as_json)

    def failure(self, failure: ErrorInfo, event_id: Optional[str]) -> bytes:
        """``RUN_ERROR``. What is open stays so: it is not whole."""
        return ServerSentEvent(run_error(failure), id=event_id, retry=failure.retry).encode()


def _event(type: str, **members: Any) -> bytes:
    return b"data: %b\n\n" % json_bytes({"type": type, **members})

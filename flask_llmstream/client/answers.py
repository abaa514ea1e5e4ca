"""``AnswerReader``: what the events of a stream say of one answer.

Standard library only, no I/O.
"""

from __future__ import annotations

from typing import Any, Dict, NamedTuple, Optional

from ..sse.decoder import MessageEvent
from .decoder import object_in
from .errors import ServerFailure
from .failures import told_failure
from .forms import FORMS, OUR_ID, Form, Piece, chunk_form, error_in, text_in

_WHOLE = ("complete", "refusal", "tool_calls")


class AnswerEnd(NamedTuple):
    """The end of an answer.

    :ivar reason: ``complete``; ``refusal``: the model refused; ``tool_calls``: the model waits for
        the results of its calls; ``length``, ``content_filter``: the answer is cut short; ``gap``:
        the server has lost a part of it. Other words are the server's own: ``cancelled`` …
    :ivar usage: what the answer cost, as its server counted; ``None`` where it did not say.
    """

    reason: str
    usage: Optional[Dict[str, Any]] = None


class AnswerReader:
    """Reads the events of one answer, over all of its connections.

    The first event that says something in one of the :data:`~.forms.FORMS` decides on the form, and
    events of another form are then no part of the answer. Without a form, the data of each
    message that is no JSON object is text.

    :ivar failure: the failure that ended the answer; ``None`` for none.
    :ivar trouble: an error that the server told, and behind which the answer has not gone on.
    :ivar is_last: whether the last event was the last of the answer.
    :ivar text: the text that the last event has added.
    """

    def __init__(self) -> None:
        self.failure: Optional[ServerFailure] = None
        self.trouble: Optional[ServerFailure] = None
        self.is_last = False
        self.text = ""
        self._form: Optional[Form] = None
        self._reason = ""
        self._usage: Optional[Dict[str, Any]] = None
        self._is_ours = False
        self._has_said = self._has_refused = self._has_called = self._has_gap = False

    @property
    def has_an_end(self) -> bool:
        """Whether the end of this answer is told, so that a body without it is cut."""
        return self._form is not None or self._is_ours

    @property
    def has_chunks(self) -> bool:
        """Whether it is of OpenAI's form."""
        return self._form is chunk_form

    @property
    def is_empty(self) -> bool:
        """Whether nothing was said, and no reason for an end: perhaps it is of a form that is not
        known here, which ends with ``[DONE]``, too."""
        return not (self._has_said or self._reason)

    @property
    def is_over(self) -> bool:
        """Whether the answer is whole where its body ends. A finished answer of OpenAI's form may
        lack its ``[DONE]``."""
        return self.is_last or (self.has_chunks and self._reason != "")

    def end(self) -> AnswerEnd:
        """The end, behind the last event."""
        reason = self._reason or "complete"
        if reason == "complete" and self._has_refused:
            reason = "refusal"
        if reason == "complete" and self._has_called:
            reason = "tool_calls"
        if self._has_gap and reason in _WHOLE:
            reason = "gap"
        return AnswerEnd(reason, self._usage)

    def read(self, event: MessageEvent) -> None:
        """Read the next event."""
        self.text = ""
        self._has_gap |= event.event == "gap"
        self._is_ours |= OUR_ID.fullmatch(event.id) is not None
        said = object_in(event.data)
        for form in [self._form] if self._form else FORMS:
            piece = form(said, event, self._form is not None)
            if piece is not None:
                self._form = form
                self._take(piece)
                return
        self._read_without_form(said, event)

    def _read_without_form(self, said: Any, event: MessageEvent) -> None:
        if event.event == "error" or error_in(said):
            self.trouble = self.trouble or told_failure(event.data if said is None else said)
        elif event.event == "ended" and not event.data:  # the text format's end
            self.is_last = True
        elif event.event == "message" and not isinstance(said, (dict, list)):
            self.text = event.data
            self._has_said |= self.text != ""

    def _take(self, piece: Piece) -> None:
        self.trouble = None  # the answer goes on
        self._usage = piece.usage or self._usage
        if not (piece.is_whole and self._has_said):
            self._say(piece.delta)
        self._reason = piece.reason or self._reason
        if piece.error:
            self.failure = told_failure(piece.error)
        self.is_last = piece.is_last

    def _say(self, delta: Dict[str, Any]) -> None:
        text, refusal = text_in(delta.get("content")), text_in(delta.get("refusal"))
        if refusal and text.endswith(refusal):  # the message format says it twice
            text = text[: -len(refusal)]
        self.text = text + refusal
        self._has_refused |= refusal != ""
        self._has_called |= bool(delta.get("tool_calls"))
        self._has_said |= bool(self.text or self._has_called)


class NoAnswer(AnswerReader):
    """Reads nothing: the events of a feed say nothing of an answer, and none of them ends it."""

    def read(self, event: MessageEvent) -> None:
        """Leave the event to the caller."""

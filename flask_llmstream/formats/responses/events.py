"""``ResponseEvents``: the events of a response, the answer to ``"stream": true``."""

from __future__ import annotations

from typing import Any, Dict, List, Mapping, Optional

from ...deltas import Delta
from ...records import Ending, ErrorInfo, Gap
from ...sse.event import ServerSentEvent
from ...sse.json import json_bytes, quoted
from ..base import EventStreamFormat
from ..halves import Halves
from ..unsendable import unsendable
from .asked import Asked, Keep
from .endings import error_of, status_of, usage_of
from .output import MAX_CHARS, Output, too_large
from .parts import Event

SENDABLE = "text, a Delta or a ServerSentEvent"


class ResponseEvents(EventStreamFormat):
    """``response.created`` and what follows, up to ``response.completed``, ``response.incomplete``
    or ``response.failed``.

    An answer of more than :data:`~flask_llmstream.formats.responses.output.MAX_CHARS` characters
    fails with ``answer_too_large``.

    :param asked: what it repeats of the request.
    :param keep: keeps the answer, once, at its end. One that fails, or whose reader leaves, has
        items too: a client shows them, and may name them. Default: nobody does.
    """

    may_be_plain = True

    def __init__(self, asked: Asked, keep: Optional[Keep] = None) -> None:
        self._asked, self._keep = asked, keep
        self._output = Output(self.leave_out, lambda: self.stream_id)
        self._halves = Halves()
        self._number = 1  # of the last event; the opening has 0 and 1
        self._head = b""  # before a text's number, where the text needs no more than that
        self._pieces: List[str] = []

    def opening(self, comment: Optional[str], event_id: Optional[str]) -> bytes:
        """The comment, and the first two events. The first has the ID."""
        response = self._asked.response(self.stream_id, "in_progress", [])
        head = b"" if comment is None else ServerSentEvent(comment=comment).encode()
        created = event("response.created", {"response": response}, 0, event_id)
        return head + created + event("response.in_progress", {"response": response}, 1)

    def item(self, item: Any) -> bytes:
        if self._head and item.__class__ is str:
            if item.isascii() or item.isprintable():  # no line separator is either of the two
                self._number += 1
                self._output.size += len(item)
                self._pieces.append(item)
                if self._output.size > MAX_CHARS:
                    raise too_large()
                return self._head + f'{self._number},"delta":{quoted(item)}}}\n\n'.encode()
        if isinstance(item, str):
            return self.delta(Delta(text=item))
        if isinstance(item, Delta):
            return self.delta(item)
        if isinstance(item, ServerSentEvent):  # a client would look for it in its own list, and
            return b""  # each event has to have a number
        raise unsendable(item, SENDABLE)

    def delta(self, delta: Delta) -> bytes:
        written = self._written(self._output.add(self._halves.joined_delta(delta)))
        text = None if self._halves else self._output.text
        if text is None:
            self._head = b""
        elif not self._head or text.pieces is not self._pieces:
            self._head, self._pieces = text.delta_head().encode(), text.pieces
        return written

    def rest(self) -> bytes:
        """The halves of characters that stayed alone, each as U+FFFD."""
        rest = self._halves.rest()
        return self.delta(rest) if any(rest.kinds()) else b""

    def gap(self, gap: Gap) -> bytes:
        return ServerSentEvent(comment=f"gap {json_bytes(gap.as_json()).decode()}").encode()

    def ending(self, ending: Ending, event_id: Optional[str]) -> bytes:
        status, usage = status_of(ending), usage_of(ending.usage)
        last_items = self._written(self._output.end(status.name))
        response = self._response(status.name, usage=usage, incomplete=status.incomplete)
        self.left()
        ended = self._event(f"response.{status.name}", {"response": response}, event_id)
        return last_items + ended

    def failure(self, failure: ErrorInfo, event_id: Optional[str]) -> bytes:
        """``error``, then ``response.failed``: some clients look at the one, some at the other."""
        error = failure.as_json()
        told = {name: error[name] for name in ("code", "message", "param")}
        response = self._response("failed", error=error_of(failure))
        self.left()
        failed = {"response": response}
        return self._event("error", {**told, "error": error}) + self._event(
            "response.failed", failed, event_id
        )

    def left(self) -> None:
        keep, self._keep = self._keep, None
        if keep is not None:
            keep(self._response("incomplete"))

    def _response(self, status: str, **more: Any) -> Dict[str, Any]:
        return self._asked.response(self.stream_id, status, self._output.as_json(), **more)

    def _written(self, events: List[Event]) -> bytes:
        return b"".join([self._event(kind, members) for kind, members in events])

    def _event(self, kind: str, members: Dict[str, Any], event_id: Optional[str] = None) -> bytes:
        self._number += 1
        return event(kind, members, self._number, event_id)


def event(
    kind: str, members: Mapping[str, Any], number: int, event_id: Optional[str] = None
) -> bytes:
    """One event.

    :param number: its ``sequence_number``.
    """
    body = {"type": kind, **members, "sequence_number": number}
    return ServerSentEvent(body, kind, event_id).encode()

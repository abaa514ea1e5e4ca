"""``Format``: what deltas, endings and errors look like on the wire, and the contract for it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import is_dataclass
from typing import Any, Callable, Dict, Optional

from ..records import Ending, ErrorInfo, Gap
from ..sse.event import ServerSentEvent
from ..sse.json import Encode, json_bytes
from .unsendable import unsendable

HEARTBEAT = ServerSentEvent(comment="").encode()


class Format(ABC):
    """One stream's way on the wire; a new one is made for each stream.

    Every method returns the bytes to send, ``b""`` for nothing. ``item`` runs on the producer's
    worker, once an item; the others run where the response is read. Where an overflow strategy
    keeps items, ``item`` and ``gap`` run on either side, never on both at a time.

    :cvar content_type: the response's.
    :cvar is_event_stream: whether comments (heartbeats) and event IDs have a place in it.
    """

    content_type: str
    is_event_stream = False

    #: Whether it sends nothing before the end: the status then waits for the end, too.
    is_whole = False

    #: Whether its last bytes say how it ended; else one that ended badly has its connection cut.
    tells_its_end = True

    #: Whether the source gave events with IDs of its own: then ours would spoil its resuming.
    has_own_ids = False

    #: Makes what is no text JSON: the application's way, once the stream is one of an application.
    as_json: Encode = staticmethod(json_bytes)

    @abstractmethod
    def item(self, item: Any) -> bytes:
        """One item of the source.

        :raises TypeError: an item that has no form here; the message names its type.
        :raises ValueError: one that holds what JSON can't (NaN); the message names where.
        """

    @abstractmethod
    def ending(self, ending: Ending, event_id: Optional[str]) -> bytes:
        """The end of a stream that ended well; ``event_id`` says so to a returning reader."""

    @abstractmethod
    def failure(self, failure: ErrorInfo, event_id: Optional[str]) -> bytes:
        """The end of a stream that failed after its first byte."""

    def opening(self, comment: Optional[str], event_id: Optional[str]) -> bytes:
        """What comes before the first item."""
        return b""

    def heartbeat(self) -> bytes:
        """What shows in an event stream's silence that it is alive; ``b""``: nothing may, now."""
        return HEARTBEAT

    def json_item(self, item: Any) -> bytes:
        """An item that goes out as JSON, unwrapped: a mapping, a list, a dataclass, or what the
        application's JSON makes an object.

        :raises TypeError: any other.
        """
        if is_json_item(item):
            return self.as_json(item)
        try:
            text = self.as_json(item)
        except TypeError as error:
            raise unsendable(item) from error
        if text[:1] != b"{":
            raise unsendable(item)
        return text

    def observe_receive(
        self, receive: Callable[[Optional[float]], Optional[bytes]]
    ) -> Callable[[Optional[float]], Optional[bytes]]:
        """What a reader receives by, for a format that has to know what went out."""
        return receive

    def reconnect_notice(self, failure: ErrorInfo) -> bytes:
        """The last of a stream that goes on when its reader comes back: it has not ended."""
        return b""

    def gap(self, gap: Gap) -> bytes:
        """What a reader who lost items is told, before the next item or the end.

        A format without an own way tells nothing.
        """
        return b""


class EventStreamFormat(Format):
    """What all formats on Server-Sent Events share."""

    content_type = "text/event-stream; charset=utf-8"
    is_event_stream = True

    #: The data of a delta without text, which no reader minds, whatever it makes of events.
    empty_delta = ""

    def opening(self, comment: Optional[str], event_id: Optional[str]) -> bytes:
        """The comment; and ``event: opened``, an empty delta with the ID, where there is one.

        It has to be an event with data: Firefox forgets an ID that comes in a block without, and
        WebKit one that no event followed. Both would come back as if for the first time.
        """
        if event_id is not None:
            delta = self.empty_delta
            return ServerSentEvent(delta, event="opened", id=event_id, comment=comment).encode()
        return b"" if comment is None else ServerSentEvent(comment=comment).encode()

    def reconnect_notice(self, failure: ErrorInfo) -> bytes:
        """A block of only the reconnection time: a reader is told of no event."""
        return ServerSentEvent(retry=failure.retry).encode()

    def failure(self, failure: ErrorInfo, event_id: Optional[str]) -> bytes:
        """``event: error``, which no reader takes for a delta."""
        data, retry = failure_object(failure), failure.retry
        return ServerSentEvent(data, event="error", id=event_id, retry=retry).encode()

    def gap(self, gap: Gap) -> bytes:
        """``event: gap``. It has no ID: who comes back asks from the last item it got."""
        return ServerSentEvent(gap.as_json(), event="gap").encode()

    def event(self, event: ServerSentEvent) -> bytes:
        """An event of the source's own."""
        if event.id is not None:
            self.has_own_ids = True
        return event.encode(self.as_json)


def is_json_item(item: Any) -> bool:
    """Is it what goes out as JSON, unwrapped?"""
    return isinstance(item, (Mapping, list, tuple)) or (
        is_dataclass(item) and not isinstance(item, type)
    )


def failure_object(failure: ErrorInfo) -> Dict[str, Any]:
    """What the last event of a failed answer says."""
    return {"ended": True, "error": failure.as_json()}

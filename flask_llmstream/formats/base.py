"""``Format``: how deltas, endings and errors are written. Its docstrings are the contract."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping as AnyMapping
from dataclasses import is_dataclass
from functools import lru_cache
from types import MappingProxyType
from typing import Any, Callable, Dict, Iterable, Mapping, Optional, Tuple, TypeVar

from ..deltas import Delta, ToolCallDelta
from ..records import Ending, ErrorInfo, Gap, Usage
from ..sse.event import ServerSentEvent, with_id
from ..sse.json import Encode, json_bytes
from .unsendable import unsendable

Item = TypeVar("Item", bound=Callable[..., bytes])


def one_event_a_text(item: Item) -> Item:
    """Mark a format's ``item``: it makes a text one whole event, or nothing. So nobody has to look
    where the events in its bytes end. A method that overrides it has no mark."""
    item.is_one_event = True  # type: ignore[attr-defined]
    return item


def has_one_event(format: Format) -> bool:
    """Whether the format makes a text one whole event, or nothing."""
    return getattr(format.item, "is_one_event", False)


HEARTBEAT = ServerSentEvent(comment="").encode()
"""A comment, and no blank line: some readers would take that for an event."""


class Format(ABC):
    """The format of one stream. A new one is made for each stream.

    The methods return the bytes to send, ``b""`` for none. ``item`` runs on the producer's
    worker, once for each item. The other methods run where the response is read. If an overflow
    strategy keeps items, ``item`` and ``gap`` run on either side, never on both at a time.

    :cvar content_type: the response's ``Content-Type``.
    :cvar is_event_stream: whether it can carry comments (heartbeats) and event IDs.
    """

    content_type: str
    is_event_stream = False

    #: The headers of the response, beside ``Content-Type`` and those of every stream.
    headers: Mapping[str, str] = MappingProxyType({})

    #: Makes the answer to a failure before the first byte, where the application has none: its
    #: ``Content-Type`` and its body. Default: the form of the request's protocol, or OpenAI's JSON.
    early_failure: Optional[Callable[[ErrorInfo], Tuple[str, bytes]]] = None

    #: Whether it sends nothing before the end. Then the status waits for the end, too.
    is_whole = False

    #: Whether its last bytes say how it ended. If not, the connection is cut when a stream does
    #: not end well.
    tells_its_end = True

    #: Whether a reader that accepts only ``text/plain`` gets the words alone instead. A format of
    #: one's own may have items that only it knows, so the default is no.
    may_be_plain = False

    #: Whether the request's ``Accept`` has chosen it, or could have chosen another.
    depends_on_accept = False

    #: Whether each event can get an ID, so that a reader who comes back gets the rest.
    is_resumable = False

    #: Another name of the stream, by which its owner's readers find it. Of an owner's streams, the
    #: newest has it. Only for one that can be resumed. Default: none.
    alias = ""

    #: What its protocol keeps of the request, for later requests that go on from this answer. Only
    #: for one that can be resumed. Default: nothing.
    memo = b""

    #: Whether the source gave events with IDs of its own. Then the stream sends no other IDs: a
    #: reader that reconnects must send back the source's.
    has_own_ids = False

    #: How many deltas said something that this format does not show, by the field's name.
    left_out: Mapping[str, int] = MappingProxyType({})

    #: The stream's ID, which the log and the errors have. It is set before anything is written.
    stream_id = ""

    #: The client's names of fields, by ours, for failures that name one. Set with the ID.
    field_names: Mapping[str, str] = MappingProxyType({})

    #: Encodes items that are no text. In an application, the application's JSON takes its place.
    as_json: Encode = staticmethod(json_bytes)

    @abstractmethod
    def item(self, item: Any) -> bytes:
        """One item of the source: a text, a :class:`~flask_llmstream.deltas.Delta`, an event, or
        an item for :meth:`json_item`.

        :returns: ``b""`` where nothing is to be sent for it. The source counts as active, too.
        :raises TypeError: the format can't hold such an item; the message names its type.
        :raises ValueError: JSON can't hold a value in it (NaN); the message names its place.
        """

    @abstractmethod
    def ending(self, ending: Ending, event_id: Optional[str]) -> bytes:
        """The end of a stream that ended well.

        :param event_id: a reader that reconnects sends it, and so shows that it has everything.
            ``None``: send no ID.
        """

    @abstractmethod
    def failure(self, failure: ErrorInfo, event_id: Optional[str]) -> bytes:
        """The end of a stream that failed after its first byte.

        :param event_id: as of :meth:`ending`.
        """

    def opening(self, comment: Optional[str], event_id: Optional[str]) -> bytes:
        """The bytes before the first item.

        :param comment: a line that readers ignore; ``None``: send none.
        :param event_id: the stream's first ID; ``None``: send none.
        """
        return b""

    def heartbeat(self) -> bytes:
        """Shows during a silence that the stream is alive. ``b""``: nothing can be sent now."""
        return HEARTBEAT

    def rest(self) -> bytes:
        """What :meth:`item` has kept back, behind the last item. Default: nothing."""
        return b""

    def left(self) -> None:
        """Nobody reads the stream any more. Called once, also behind an end that was read; an item
        may still be on its way. Default: nothing."""

    def delta(self, delta: Delta) -> bytes:
        """A delta that says more than text. The default sends its words as a text, by
        :meth:`item`, and counts the rest as left out."""
        self.leave_out(kind for kind in delta.kinds() if kind not in ("text", "refusal"))
        return self.item(delta.words) if delta.words else b""

    def json_item(self, item: Any) -> bytes:
        """An item as JSON by itself: a mapping, a list, a dataclass, or an item that the
        application's JSON writes as an object.

        :raises TypeError: any other item.
        """
        if isinstance(item, _PIECES):
            raise unsendable(item)
        if is_json_item(item):
            return self.as_json(item)
        try:
            text = self.as_json(item)
        except TypeError as error:
            raise unsendable(item) from error
        if text[:1] != b"{":
            raise unsendable(item)
        return text

    def leave_out(self, kinds: Iterable[str]) -> None:
        """Count what this format does not show of one delta.

        :param kinds: names of fields of :class:`~flask_llmstream.deltas.Delta`.
        """
        counts = dict(self.left_out)
        for kind in kinds:
            counts[kind] = counts.get(kind, 0) + 1
        self.left_out = counts

    def observe_receive(
        self, receive: Callable[[Optional[float]], Optional[bytes]]
    ) -> Callable[[Optional[float]], Optional[bytes]]:
        """Wrap the channel's ``receive``, for a format that must see the blocks that are sent.

        :param receive: takes seconds to wait (``None``: no bound), and returns the next block:
            ``b""`` if the time ran out, ``None`` at the end.
        :returns: a function of the same form. Default: ``receive`` itself.
        """
        return receive

    def reconnect_notice(self, failure: ErrorInfo) -> bytes:
        """The last bytes of a stream that has not ended: it goes on when its reader reconnects.

        :param failure: its ``retry`` is the time until then.
        """
        return b""

    def gap(self, gap: Gap) -> bytes:
        """Reports lost items, before the next item or the end. Default: no report."""
        return b""


class EventStreamFormat(Format):
    """The base of all formats of Server-Sent Events."""

    content_type = "text/event-stream; charset=utf-8"
    is_event_stream = True
    is_resumable = True

    #: The data of a delta without text. Every reader can take it, and it adds nothing.
    empty_delta = ""

    def opening(self, comment: Optional[str], event_id: Optional[str]) -> bytes:
        """The comment, and with an ID ``event: opened``, an empty delta.

        The ID needs an event with data. Firefox forgets an ID of a block without data, and WebKit
        one that no event follows. Both would reconnect without an ID.
        """
        if event_id is not None:
            return with_id(_opening_lines(self.empty_delta, comment), event_id)
        return b"" if comment is None else ServerSentEvent(comment=comment).encode()

    def reconnect_notice(self, failure: ErrorInfo) -> bytes:
        """A line with the reconnection time, which is no event for a reader."""
        return ServerSentEvent(retry=failure.retry).encode()

    def failure(self, failure: ErrorInfo, event_id: Optional[str]) -> bytes:
        """``event: error``: no reader takes it for a delta."""
        data, retry = failure_object(failure), failure.retry
        return ServerSentEvent(data, event="error", id=event_id, retry=retry).encode()

    def gap(self, gap: Gap) -> bytes:
        """``event: gap``, without ID: a reader that reconnects sends the ID of its last item."""
        return _gap_frame(gap)

    def event(self, event: ServerSentEvent) -> bytes:
        """An event that the source made."""
        if event.id is not None:
            self.has_own_ids = True
        return event.encode(self.as_json)


@lru_cache(maxsize=64)
def _opening_lines(delta: str, comment: Optional[str]) -> bytes:
    """The lines of an opening but its ID. They are the same for all streams of a format."""
    return ServerSentEvent(delta, event="opened", comment=comment).encode()[:-1]


@lru_cache(maxsize=64)
def _gap_frame(gap: Gap) -> bytes:
    """The event of a gap. Each stream that is kept makes the same one beforehand."""
    return ServerSentEvent(gap.as_json(), event="gap").encode()


_PIECES = (Delta, ToolCallDelta, Usage)
"""The dataclasses with a meaning of their own. No reader would know them as JSON by itself."""


def is_json_item(item: Any) -> bool:
    """Whether a format writes the item as JSON by itself."""
    return isinstance(item, (AnyMapping, list, tuple)) or (
        is_dataclass(item) and not isinstance(item, type)
    )


def failure_object(failure: ErrorInfo) -> Dict[str, Any]:
    """The content of the last event of a failed answer."""
    return {"ended": True, "error": failure.as_json()}


def id_line(event_id: Optional[str]) -> bytes:
    """An ID as a line of the event behind it; ``b""`` where there is none."""
    return b"" if event_id is None else ServerSentEvent(id=event_id).encode()[:-1]


def as_block(frame: bytes) -> bytes:
    """A frame with a blank line at its end, if it is not empty."""
    return frame if frame[-2:] in (b"", b"\n\n") else frame + b"\n"

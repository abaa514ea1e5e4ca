"""``Handover``: hands over the frames of a stream that is kept, or may go on without its reader.

The frames of other streams go to their channel directly.
"""

from __future__ import annotations

from functools import partial
from typing import Any, Callable, Optional

from ..channel.channel import Channel, ChannelStatistics
from ..errors import StreamClosed, UnsendableItem
from ..formats import Format
from ..replay.numbering import split_events

Record = Callable[[bytes], None]
"""Keeps an event in the log of a stream."""

_OWN_ID = "an event of a stream that can be resumed gets its ID from the stream; leave out its own"


class Handover:
    """The way of one stream's frames to its channel, and to its log.

    :param name: the name of the source in an error.
    :param record: keeps an event in the log; ``None``: the stream is not kept.
    :ivar is_detached: whether the source goes on although its reader has left.
    """

    __slots__ = (
        "record", "is_detached", "_name", "_channel", "_format", "_unread_items", "_unread_bytes",
    )  # fmt: skip

    def __init__(
        self, name: str, channel: Channel, format: Format, record: Optional[Record]
    ) -> None:
        self.record = record
        self.is_detached = False
        self._name = name
        self._channel = channel
        self._format = format
        self._unread_items = self._unread_bytes = 0

    def sender(self) -> Callable[[bytes], None]:
        """The function that hands over a frame."""
        return self.send if self.record is None else partial(self._record_and_send, self.record)

    def send(self, frame: Any) -> None:
        """Send a frame (or an item, to a channel that encodes late), whether or not there is a
        reader.

        :raises StreamClosed: the stream has ended.
        """
        if self._channel.closed is None:  # else the reader could get a frame behind one it lacks
            try:
                self._channel.send(frame)
                return
            except StreamClosed:
                pass
        self.take_unread(frame)

    def take_unread(self, frame: Any) -> None:
        """Count a frame that the channel has refused.

        :raises StreamClosed: not because its reader has left.
        """
        if not self.is_detached:
            raise StreamClosed(self._channel.closed or "complete")
        self._unread_items += 1
        self._unread_bytes += len(frame) if frame.__class__ is bytes else 0

    def with_unread(self, counts: ChannelStatistics) -> ChannelStatistics:
        """The counts of the channel, and of what was sent without a reader."""
        return counts._replace(
            sent_items=counts.sent_items + self._unread_items,
            sent_bytes=counts.sent_bytes + self._unread_bytes,
        )

    def _record_and_send(self, record: Record, frame: bytes) -> None:
        """Keep the events in the log first. So the log has all that its reader has, and all of a
        frame: its format goes on from there, also where the end comes while this waits for room."""
        if self._format.has_own_ids:
            raise UnsendableItem(self._name, ValueError(_OWN_ID))
        events = split_events(frame)
        for event in events:
            record(event)
        if events:
            self.send(b"".join(events))

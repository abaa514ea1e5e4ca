"""``LossyChannel``: asks for room first and encodes afterwards, so that a lost item costs nothing.

Floor 1: standard library only.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, Optional

from ..errors import StreamClosed
from ..records import Gap
from ..runtime.wakeup import Wakeup
from ..sse.event import ServerSentEvent
from .channel import Channel, ChannelConfig, ChannelStatistics, Encode, TellGap


class LossyChannel(Channel, ABC):
    """A channel that takes items, and encodes those that have room.

    An item has room while fewer than ``max_items`` and less than ``max_bytes`` wait: how large it
    is itself is not known before, so the last one to enter may go past ``max_bytes``. With
    ``max_items=0`` one has room while a reader waits for it in :meth:`receive`.

    :param encode: what makes an item bytes. It is never called twice at a time.
    :param tell_gap: what a reader is told of lost items, before the next item it gets. Default:
        nothing.
    """

    encodes = True

    __slots__ = ("_encode", "_tell_gap", "_lost_items", "_in_hand")

    def __init__(
        self,
        readable: Wakeup,
        writable: Wakeup,
        encode: Encode,
        *,
        tell_gap: Optional[TellGap] = None,
        max_items: int = 256,
        max_bytes: int = 256 * 1024,
    ) -> None:
        super().__init__(readable, writable, max_items=max_items, max_bytes=max_bytes)
        self._encode = encode
        self._tell_gap = tell_gap
        self._lost_items = 0  # the producer writes it
        self._in_hand = False  # the producer writes it: whether it has what the reader can't see

    @classmethod
    def create(cls, config: ChannelConfig, **more: Any) -> Channel:
        options = config.options
        return cls(
            config.readable,
            config.writable,
            config.encode,
            tell_gap=config.tell_gap if options.gaps else None,
            max_items=options.buffer,
            max_bytes=options.buffer_bytes,
            **more,
        )

    def send(self, item: Any) -> None:
        """Hand one item over. Never waits.

        :raises StreamClosed: the stream has ended.
        :raises StreamOverflow: the item has no room, and the stream has to end for it.
        """
        try:
            self._in_hand = True  # before the look for the end; the reader looks the other way
            if self._closed is not None:
                raise StreamClosed(self._closed)
            self._accept(item)
        finally:
            self._in_hand = False
            if self._closed is not None and self._reader_waits:  # perhaps for what was in hand
                self._readable.set()

    def _accept(self, item: Any) -> None:
        if self._has_demand():
            frame = self._encode(item)
            if frame:
                self._append(frame)
                self._wake_the_reader()
        else:
            self._refuse(item)

    def _wake_the_reader(self) -> None:
        if self._reader_waits:
            self._reader_waits = False
            self._readable.set()

    @abstractmethod
    def _refuse(self, item: Any) -> None:
        """Do with an item that has no room what the strategy says."""

    def _has_demand(self) -> bool:
        waiting = len(self._queue)
        if not waiting:
            return self._max_items > 0 or self._reader_waits
        room = self._max_bytes - self._sent_bytes + self._received_bytes
        return waiting < self._max_items and room > 0

    def _is_over(self) -> bool:
        # What is in hand goes before a good end. Any other end tells the reader by itself that it
        # lacks something, and comes in time also where what makes an item bytes never returns.
        closed = self._closed
        if closed == "complete" and self._in_hand and not self._discarded:
            return False
        return closed is not None and super()._is_over()

    def _append(self, frame: bytes) -> None:
        self._sent_bytes += len(frame)  # before it can be taken: _take counts on it
        self._queue.append(frame)

    @property
    def statistics(self) -> ChannelStatistics:
        """The counts so far. What was lost before it was encoded counts no bytes."""
        kept, lost = super().statistics, self._lost_items
        return kept._replace(sent_items=kept.sent_items + lost, lost_items=lost)


def with_lost(gap: Optional[Gap], item: Any) -> Gap:
    """The gap, one lost item longer."""
    event_id = item.id if isinstance(item, ServerSentEvent) else None
    if gap is None:
        return Gap(1, event_id, event_id)
    first_id = event_id if gap.first_id is None else gap.first_id
    return Gap(gap.lost + 1, first_id, gap.last_id if event_id is None else event_id)

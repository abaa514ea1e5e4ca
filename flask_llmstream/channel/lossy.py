"""``LossyChannel``: a channel that may lose items. It looks for room before it encodes an item, so
that a lost item costs nothing."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, Optional

from ..errors import StreamClosed
from ..records import Gap
from ..runtime.wakeup import Wakeup
from ..sse.event import ServerSentEvent
from .channel import Channel, ChannelConfig, ChannelStatistics, Encode, TellGap


class LossyChannel(Channel, ABC):
    """A channel that takes items, and encodes the items that have room.

    An item has room while fewer than ``max_items`` items and fewer than ``max_bytes`` bytes wait.
    Its own size is not known before it is encoded, so the last item to enter may go past
    ``max_bytes``. With ``max_items=0`` an item has room while a reader waits in :meth:`receive`.

    :param encode: encodes an item. It never runs twice at the same time.
    :param tell_gap: encodes the message about lost items, which the reader gets before its next
        item. Default: ``None``, the reader gets none.
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
        self._in_hand = False  # the producer writes it: it has an item that the reader can't see

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
        """Hand over one item. Never waits.

        :raises StreamClosed: the stream has ended.
        :raises StreamOverflow: the item has no room, and the strategy ends the stream.
        """
        try:
            self._in_hand = True  # first this, then the end: the reader looks in the other order
            if self._closed is not None:
                raise StreamClosed(self._closed)
            self._accept(item)
        finally:
            self._in_hand = False
            if self._closed is not None and self._reader_waits:  # perhaps for the item in hand
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
        """Handle an item that has no room, as the strategy says."""

    def _has_demand(self) -> bool:
        waiting = len(self._queue)
        if not waiting:
            return self._max_items > 0 or self._reader_waits
        room = self._max_bytes - self._sent_bytes + self._received_bytes
        return waiting < self._max_items and room > 0

    def _is_over(self) -> bool:
        # A stream that ends well delivers the item that is being encoded first. After any other end
        # the reader sees that the answer is incomplete, and must not wait for ``encode``.
        closed = self._closed
        if closed == "complete" and self._in_hand and not self._discarded:
            return False
        return closed is not None and super()._is_over()

    def _append(self, frame: bytes) -> None:
        self._sent_bytes += len(frame)  # before the reader can take it: _take relies on that
        self._queue.append(frame)

    @property
    def statistics(self) -> ChannelStatistics:
        """The counts so far. An item that was lost before it was encoded counts no bytes."""
        kept, lost = super().statistics, self._lost_items
        return kept._replace(sent_items=kept.sent_items + lost, lost_items=lost)


def with_lost(gap: Optional[Gap], item: Any) -> Gap:
    """The gap with one more lost item."""
    event_id = item.id if isinstance(item, ServerSentEvent) else None
    if gap is None:
        return Gap(1, event_id, event_id)
    first_id = event_id if gap.first_id is None else gap.first_id
    return Gap(gap.lost + 1, first_id, gap.last_id if event_id is None else event_id)

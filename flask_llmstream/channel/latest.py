"""``Latest``: the strategy by which only the newest item waits behind a full buffer."""

from __future__ import annotations

import dataclasses
from collections import deque
from typing import Any, Callable, Deque, Optional, Tuple

from ..deltas import Delta, DeltaSum
from ..errors import StreamOverflow
from ..records import Gap
from ..runtime.atomic import try_pop
from ..sse.event import ServerSentEvent
from .channel import Channel, ChannelConfig, ChannelStatistics
from .lossy import LossyChannel, with_lost

Coalesce = Callable[[Any, Any], Any]
"""``coalesce(previous, new)`` returns one item that replaces both."""


class Latest(LossyChannel):
    """Where there is no room the newest item waits in a slot. The reader loses the item that was in
    the slot before.

    With ``coalesce`` the two are merged into one item, and the reader loses nothing. When a merged
    text or delta would grow past ``max_bytes`` the stream ends with ``overflow``. The size of other
    merged items is the function's responsibility.

    :param coalesce: merges the item in the slot with the new item. Default: items are not merged.
    """

    name = "latest"
    loses = "all but the newest of what comes while there is no room"

    __slots__ = ("_slot", "_coalesce", "_merged_items", "_failed_items", "_reader_moves")

    def __init__(
        self, *arguments: Any, coalesce: Optional[Coalesce] = None, **keywords: Any
    ) -> None:
        super().__init__(*arguments, **keywords)
        self._slot: Deque[Tuple[Any, Optional[Gap]]] = deque()  # at most one, and the gap before it
        self._coalesce = coalesce
        self._merged_items = 0  # the producer writes it
        self._failed_items = 0  # the side that empties the slot, one at a time, writes it
        self._reader_moves = False  # the reader writes it

    @classmethod
    def create(cls, config: ChannelConfig, **more: Any) -> Channel:
        return super().create(config, coalesce=config.options.coalesce, **more)

    # Called by the producer.

    def send(self, item: Any) -> None:
        """Hand over one item. Never waits.

        :raises StreamClosed: the stream has ended.
        :raises StreamOverflow: merged text is larger than the buffer; the stream must end.
        """
        super().send(item)

    def _accept(self, item: Any) -> None:
        if self._slot and self._has_demand():
            self._hand_over()
        try:
            self._keep(item)  # before the look for demand: a reader that comes too late looks here
        finally:  # a merge that failed has put the previous item back
            if self._has_demand():
                self._hand_over()

    def _hand_over(self) -> None:
        # Only the producer fills the slot, and the side that empties it encodes. If the reader
        # finds the slot empty, it has raised its flag before. So the producer sees the flag and
        # wakes it. The two never encode at the same time, and no item is forgotten.
        if not self._reader_moves:
            self._move()
        if self._queue or self._reader_moves:  # not for an item without a form on the wire
            self._wake_the_reader()

    def _keep(self, item: Any) -> None:
        previous = try_pop(self._slot)
        if previous is None:
            self._slot.append((item, None))
        elif self._coalesce is None:
            self._refuse(previous[0])
            gap = None if self._tell_gap is None else with_lost(previous[1], previous[0])
            self._slot.append((item, gap))
        else:
            self._merge(previous[0], item, self._coalesce)

    def _refuse(self, item: Any) -> None:
        self._lost_items += 1

    def _merge(self, previous: Any, item: Any, coalesce: Coalesce) -> None:
        kept = previous
        try:
            merged = _with_last_id(coalesce(previous, item), previous, item)
            if _most_bytes(merged) > self._max_bytes:
                raise StreamOverflow
            kept = merged
            self._merged_items += 1
        finally:
            self._slot.append((kept, None))

    # Called by the reader.

    def receive(self, timeout: Optional[float] = None) -> Optional[bytes]:
        """As :meth:`Channel.receive`. The item in the slot comes after the buffer.

        :raises Exception: ``encode`` raised it for the item in the slot, which counts as lost.
        """
        while not self._queue:
            self._reader_waits = True  # before the look: an item that comes later finds demand
            self._fetch()
            if self._queue or self._is_over() or not self._readable.wait(timeout):
                break
        if self._queue:
            return super().receive(timeout)
        self._reader_waits = False
        return None if self._is_over() else b""

    def _is_over(self) -> bool:
        is_over = super()._is_over()  # before the look: an item sent before the end is found
        return is_over and (self._discarded or not self._slot)

    def _fetch(self) -> None:
        if self._slot and not self._queue:
            self._reader_moves = True
            try:
                self._move()
            finally:
                self._reader_moves = False

    # Called by either side.

    def _move(self) -> None:
        kept = try_pop(self._slot)
        if kept is None:
            return
        item, gap = kept
        try:
            frame = self._encode(item)
        except BaseException:
            self._failed_items += 1
            raise
        if gap is not None and self._tell_gap is not None:
            frame = self._tell_gap(gap) + frame
        if frame:
            self._append(frame)

    @property
    def statistics(self) -> ChannelStatistics:
        """The counts so far."""
        others, merged, failed = super().statistics, self._merged_items, self._failed_items
        return others._replace(
            sent_items=others.sent_items + len(self._slot) + merged + failed,
            lost_items=others.lost_items + failed,
            merged_items=merged,
        )


def _with_last_id(merged: Any, previous: Any, new: Any) -> Any:
    """A merged event carries the last ID: a reader that returns with it has seen all before it."""
    if not isinstance(merged, ServerSentEvent):
        return merged
    for event in (new, previous):
        if isinstance(event, ServerSentEvent) and event.id is not None:
            return dataclasses.replace(merged, id=event.id)
    return merged


def _most_bytes(item: Any) -> int:
    """The most bytes that an item's text can take in UTF-8, about the characters of all that a
    delta says, and 0 for other items. Nothing is encoded for it."""
    if isinstance(item, Delta):
        total = DeltaSum()
        total.add(item)
        return total.size
    text = item.data if isinstance(item, ServerSentEvent) else item
    if not isinstance(text, str):
        return 0
    return len(text) if text.isascii() else 4 * len(text)

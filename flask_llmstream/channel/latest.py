"""``Latest``: behind a full buffer only the newest item waits.

Floor 1: standard library only.
"""

from __future__ import annotations

import dataclasses
from collections import deque
from typing import Any, Callable, Deque, Optional, Tuple

from ..errors import StreamOverflow
from ..records import Gap
from ..runtime.atomic import try_pop
from ..sse.event import ServerSentEvent
from .channel import Channel, ChannelConfig, ChannelStatistics
from .lossy import LossyChannel, with_lost

Coalesce = Callable[[Any, Any], Any]
"""``coalesce(previous, new)``: the one item that stands for both."""


class Latest(LossyChannel):
    """Without room the newest item waits in a slot; the reader loses the one before it.

    With ``coalesce`` the two are merged into one and the reader loses nothing. Where merged text
    would grow past ``max_bytes`` the stream ends with ``overflow``. How large anything else
    becomes that is merged is up to the function.

    :param coalesce: merges the item in the slot with the one that comes. Default: none does.
    """

    name = "latest"
    loses = "all but the newest of what comes while there is no room"

    __slots__ = ("_slot", "_coalesce", "_merged_items", "_failed_items", "_reader_moves")

    def __init__(
        self, *arguments: Any, coalesce: Optional[Coalesce] = None, **keywords: Any
    ) -> None:
        super().__init__(*arguments, **keywords)
        self._slot: Deque[Tuple[Any, Optional[Gap]]] = deque()  # at most one, and what it follows
        self._coalesce = coalesce
        self._merged_items = 0  # the producer writes it
        self._failed_items = 0  # whoever moves what is in the slot, one at a time, writes it
        self._reader_moves = False  # the reader writes it

    @classmethod
    def create(cls, config: ChannelConfig, **more: Any) -> Channel:
        return super().create(config, coalesce=config.options.coalesce, **more)

    # What the producer calls.

    def send(self, item: Any) -> None:
        """Hand one item over. Never waits.

        :raises StreamClosed: the stream has ended.
        :raises StreamOverflow: merged text has outgrown the buffer; the stream has to end.
        """
        super().send(item)

    def _accept(self, item: Any) -> None:
        if self._slot and self._has_demand():
            self._hand_over()
        try:
            self._keep(item)  # before the look: a reader who came too late for it looks here
        finally:  # a merge that failed has given back what waited before
            if self._has_demand():
                self._hand_over()

    def _hand_over(self) -> None:
        # Only the producer fills the slot, and who empties it encodes. If the reader has emptied
        # it before this item came, its flag has been up since before. It is woken then and looks
        # again. So never do two encode at a time, and no item is forgotten.
        if not self._reader_moves:
            self._move()
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
            if _text_bytes(merged) > self._max_bytes:
                raise StreamOverflow
            kept = merged
            self._merged_items += 1
        finally:
            self._slot.append((kept, None))

    # What the reader calls.

    def receive(self, timeout: Optional[float] = None) -> Optional[bytes]:
        """As :meth:`Channel.receive`; what is in the slot comes behind the buffer.

        :raises Exception: what ``encode`` raised for the item in the slot; it counts as lost.
        """
        while not self._queue:
            self._reader_waits = True  # before the look: what comes later finds demand
            self._fetch()
            if self._queue or self._is_over() or not self._readable.wait(timeout):
                break
        if self._queue:
            return super().receive(timeout)
        self._reader_waits = False
        return None if self._is_over() else b""

    def _is_over(self) -> bool:
        is_over = super()._is_over()  # before the look: what was sent before the end is found
        return is_over and (self._discarded or not self._slot)

    def _fetch(self) -> None:
        if self._slot and not self._queue:
            self._reader_moves = True
            try:
                self._move()
            finally:
                self._reader_moves = False

    # What either side calls.

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
    """A merged event carries the last ID: who comes back with it has seen all up to there."""
    if not isinstance(merged, ServerSentEvent):
        return merged
    for event in (new, previous):
        if isinstance(event, ServerSentEvent) and event.id is not None:
            return dataclasses.replace(merged, id=event.id)
    return merged


def _text_bytes(item: Any) -> int:
    """The most that the text of an item takes in UTF-8, without encoding it."""
    text = item.data if isinstance(item, ServerSentEvent) else item
    if not isinstance(text, str):
        return 0
    return len(text) if text.isascii() else 4 * len(text)

"""``Channel``: hands frames from one producer to one reader, bounded in items and in bytes.

Standard library only. The caller gives the wakeups on which the two sides wait, so the same code
serves greenlets and threads.

No lock is held anywhere. Each count has one writer, which is named beside it. A list grows, is
copied in part and is cut at its front atomically, and an empty one takes a tenth of a deque's
memory. A side that will wait raises its flag *before* it looks a last time. The other side acts
*before* it reads the flag and takes it down. So one of the two always sees the other.

A third party may close the channel in the middle of a send. So the producer counts a frame as sent
before it looks for the end, and the reader looks for the end before it compares the bytes sent with
the bytes received. Either the frame is refused, or the reader waits for it.
"""

from __future__ import annotations

from itertools import islice
from typing import Any, Callable, ClassVar, List, NamedTuple, Optional

from ..errors import StreamClosed
from ..records import Gap
from ..runtime.wakeup import Wakeup

BLOCK_BYTES = 32 * 1024
"""The most bytes that one ``receive`` joins. Some hundred tokens fit into one such write, and a
socket's send buffer takes all of it."""


Encode = Callable[[Any], bytes]
"""Encodes an item; ``b""`` where the item has no form on the wire."""

TellGap = Callable[[Gap], bytes]
"""Encodes a gap: the message to the reader about lost items."""


class ChannelConfig(NamedTuple):
    """The settings from which :meth:`Channel.create` makes a channel. Not every strategy uses all.

    :ivar readable: the wakeup on which the reader waits.
    :ivar writable: the wakeup on which the producer waits.
    :ivar encode: encodes an item.
    :ivar tell_gap: encodes a gap.
    :ivar options: the stream's options.
    """

    readable: Wakeup
    writable: Wakeup
    encode: Encode
    tell_gap: TellGap
    options: Any


class ChannelStatistics(NamedTuple):
    """The counts of a channel at one moment, in items and in bytes of their frames.

    Each item that was sent is in one of four states: received, lost for want of room, merged into a
    later item, or waiting.
    """

    sent_items: int
    sent_bytes: int
    received_items: int
    received_bytes: int
    lost_items: int = 0
    merged_items: int = 0


class Channel:
    """Hands frames from one producer to one reader, in order, bounded in items and in bytes. Where
    there is no room the producer waits.

    Several threads may send, but only one at a time; their caller must ensure that.

    :param readable: the wakeup on which the reader waits.
    :param writable: the wakeup on which the producer waits.
    :param max_items: the most frames that may wait. Default: 256.
    :param max_bytes: the most bytes that may wait; one larger frame may enter an empty channel.
        Default: 262144.
    :cvar name: the name of this strategy in the option ``overflow``.
    :cvar loses: a phrase: what the reader loses where there is no room.
    :cvar encodes: whether ``send`` takes items and encodes them. Otherwise it takes frames.
    """

    name: ClassVar[str]
    loses: ClassVar[str]
    encodes: ClassVar[bool] = False

    __slots__ = (
        "_queue", "_readable", "_writable", "_max_items", "_max_bytes",
        "_closed", "_discarded", "_reader_waits", "_producer_waits",
        "_sent_bytes", "_received_bytes", "_received_items",
    )  # fmt: skip

    def __init__(
        self,
        readable: Wakeup,
        writable: Wakeup,
        *,
        max_items: int = 256,
        max_bytes: int = 256 * 1024,
    ) -> None:
        self._queue: List[bytes] = []
        self._readable = readable
        self._writable = writable
        self._max_items = max_items
        self._max_bytes = max_bytes
        self._closed: Optional[str] = None  # the first to close it writes it
        self._discarded = False  # never becomes false again
        self._reader_waits = False
        self._producer_waits = False
        self._sent_bytes = 0  # the producer writes it
        self._received_bytes = 0  # the reader writes it
        self._received_items = 0  # the reader writes it

    @classmethod
    def create(cls, config: ChannelConfig) -> Channel:
        """The channel of a stream with these options."""
        options = config.options
        return cls(
            config.readable,
            config.writable,
            max_items=options.buffer,
            max_bytes=options.buffer_bytes,
        )

    # Called by the producer.

    def send(self, frame: bytes) -> None:
        """Hand over one frame. Waits while there is no room.

        :raises StreamClosed: the stream ended before this, or while this waited.
        """
        size, queue = len(frame), self._queue
        if queue and (
            len(queue) >= self._max_items
            or self._sent_bytes - self._received_bytes + size > self._max_bytes
        ):
            self._make_room(size)
        self._sent_bytes += size  # before the look for the end, and before it can be taken
        if self._closed is not None:
            self._withdraw(size, self._closed)
        queue.append(frame)
        if self._reader_waits:
            self._reader_waits = False
            self._readable.set()

    def _withdraw(self, size: int, reason: str) -> None:
        self._sent_bytes -= size
        if self._reader_waits:  # perhaps for this very frame
            self._readable.set()
        raise StreamClosed(reason)

    def _make_room(self, size: int) -> None:
        while True:
            self._producer_waits = True
            if self._has_room(size):
                self._producer_waits = False
                return
            if self._closed is not None:
                raise StreamClosed(self._closed)
            self._writable.wait()

    def _has_room(self, size: int) -> bool:
        waiting = len(self._queue)
        return not waiting or (
            waiting < self._max_items
            and self._sent_bytes - self._received_bytes + size <= self._max_bytes
        )

    # Called by the reader.

    def receive(self, timeout: Optional[float] = None) -> Optional[bytes]:
        """Take all frames that wait, joined, up to 32 KiB, or one larger frame.

        :param timeout: seconds to wait for a first frame; ``None``: for ever.
        :returns: the joined frames; ``b""`` when the time has run out; ``None`` when the channel is
            closed and everything was received.
        """
        queue = self._queue
        while not queue:
            self._reader_waits = True
            if queue or self._is_over() or not self._readable.wait(timeout):
                break
        self._reader_waits = False
        if queue and not self._discarded:
            return self._take(queue)
        return None if self._is_over() else b""

    def _is_over(self) -> bool:
        """Whether nothing more comes. The end is read first: a frame that is not counted as sent by
        then will be refused."""
        closed = self._closed is not None
        return closed and (self._discarded or self._sent_bytes == self._received_bytes)

    def _take(self, queue: List[bytes]) -> bytes:
        count = len(queue)  # before the bytes: a frame sent meanwhile is not in this block
        if count == 1:  # a token for which the reader waited
            block = queue.pop(0)
        else:
            if self._sent_bytes - self._received_bytes > BLOCK_BYTES:
                count = _fitting(queue)
            block = b"".join(queue[:count])
            del queue[:count]
        self._received_items += count
        self._received_bytes += len(block)
        if self._producer_waits:
            self._producer_waits = False
            self._writable.set()
        return block

    # Called by either side.

    def close(self, reason: str) -> None:
        """Refuse further frames. The waiting ones can still be received. The first reason stays."""
        if self._closed is None:
            self._closed = reason
        try:
            self._readable.set()
        finally:
            self._writable.set()

    def discard(self, reason: str) -> None:
        """Close, and drop the frames that wait. The producer must not call this."""
        self._discarded = True
        self._reader_waits = False  # close() wakes the reader, and nobody wakes it after that
        try:
            self.close(reason)
        finally:
            self._readable.close()

    @property
    def closed(self) -> Optional[str]:
        """The reason of the end; ``None`` while the channel is open."""
        return self._closed

    @property
    def is_discarded(self) -> bool:
        """Whether :meth:`discard` was called: nobody reads the channel any more."""
        return self._discarded

    @property
    def room(self) -> int:
        """The number of items that would still find room."""
        if not self._max_items:
            return int(self._reader_waits and not self._queue)
        return max(self._max_items - len(self._queue), 0)

    @property
    def received(self) -> Optional[int]:
        """The number of items that the reader has taken; ``None`` while it waits for more."""
        return None if self._reader_waits else self._received_items

    @property
    def producer_waits(self) -> bool:
        """Whether the producer waits for room."""
        return self._producer_waits

    @property
    def statistics(self) -> ChannelStatistics:
        """The counts so far."""
        return ChannelStatistics(
            self._received_items + len(self._queue),
            self._sent_bytes,
            self._received_items,
            self._received_bytes,
        )


def _fitting(queue: List[bytes]) -> int:
    """How many of the first frames fit into a block: one at least."""
    count, room = 1, BLOCK_BYTES - len(queue[0])
    for frame in islice(queue, 1, None):
        room -= len(frame)
        if room < 0:
            break
        count += 1
    return count

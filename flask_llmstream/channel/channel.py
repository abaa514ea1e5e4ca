"""``Channel``: the bounded hand-over between one producer and one reader.

Floor 1: standard library only; how a side waits is injected, so the same code serves greenlets
and threads.

No lock is held anywhere. Each count has one writer (named beside it), deques append and pop
atomically, and each side raises its flag *before* it looks a last time, while the other side
acts *before* it reads the flag and takes it down: one of the two always sees the other.

The end may come from a third place, in the middle of a send. So the producer counts a frame as
sent before it looks for the end, and the reader looks for the end before it compares what was
sent with what it has: either the frame is refused, or the reader waits for it.
"""

from __future__ import annotations

from collections import deque
from typing import Any, Callable, ClassVar, Deque, NamedTuple, Optional

from ..errors import StreamClosed
from ..records import Gap
from ..runtime.wakeup import Wakeup

BLOCK_BYTES = 32 * 1024
"""How much one ``receive`` joins: enough for some hundred tokens in one write, and little enough
that a socket's send buffer takes it whole."""


Encode = Callable[[Any], bytes]
"""Makes an item the bytes to send; ``b""`` where it has no form on the wire."""

TellGap = Callable[[Gap], bytes]
"""Makes what a reader is told of lost items."""


class ChannelConfig(NamedTuple):
    """What a stream opens its channel with; each strategy takes of it what it needs."""

    readable: Wakeup
    writable: Wakeup
    encode: Encode
    tell_gap: TellGap
    options: Any


class ChannelStatistics(NamedTuple):
    """A channel at one moment. Items are frames, bytes are theirs.

    Each item sent was received, was lost for want of room, was merged into a later one, or waits.
    """

    sent_items: int
    sent_bytes: int
    received_items: int
    received_bytes: int
    lost_items: int = 0
    merged_items: int = 0


class Channel:
    """Frames from one producer to one reader, in order, bounded in items and in bytes. Without
    room the producer waits.

    Several threads may send, one at a time: who lets them takes care of that.

    :param readable: what the reader waits on.
    :param writable: what the producer waits on.
    :param max_items: how many frames may wait.
    :param max_bytes: how many bytes may wait; one larger frame may enter an empty channel.
    :cvar name: what an option calls this way of overflowing.
    :cvar loses: what the reader loses without room.
    :cvar encodes: whether ``send`` takes items and encodes them, rather than frames.
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
        self._queue: Deque[bytes] = deque()
        self._readable = readable
        self._writable = writable
        self._max_items = max_items
        self._max_bytes = max_bytes
        self._closed: Optional[str] = None  # the first to close writes it
        self._discarded = False  # never taken back
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

    # What the producer calls.

    def send(self, frame: bytes) -> None:
        """Hand one frame over.

        :raises StreamClosed: the stream has ended, before or while it waited.
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

    # What the reader calls.

    def receive(self, timeout: Optional[float] = None) -> Optional[bytes]:
        """All that waits, joined, up to 32 KiB (or one larger frame).

        :param timeout: seconds to wait for a first frame; ``None``: for ever.
        :returns: ``b""`` when the time ran out, ``None`` when the channel is closed and drained.
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
        """Whether nothing comes any more. The end is read first: what is not counted as sent by
        then will be refused."""
        closed = self._closed is not None
        return closed and (self._discarded or self._sent_bytes == self._received_bytes)

    def _take(self, queue: Deque[bytes]) -> bytes:
        count = len(queue)  # before the bytes: what is sent meanwhile is not in this block
        if count == 1:  # a token that was waited for
            block = queue.popleft()
        elif self._sent_bytes - self._received_bytes <= BLOCK_BYTES:
            block = b"".join([queue.popleft() for _ in range(count)])
        else:
            frames = self._take_some(queue)
            count, block = len(frames), b"".join(frames)
        self._received_items += count
        self._received_bytes += len(block)
        if self._producer_waits:
            self._producer_waits = False
            self._writable.set()
        return block

    def _take_some(self, queue: Deque[bytes]) -> "list[bytes]":
        frames = [queue.popleft()]
        room = BLOCK_BYTES - len(frames[0])
        while queue and len(queue[0]) <= room:
            frames.append(queue.popleft())
            room -= len(frames[-1])
        return frames

    # What either side calls.

    def close(self, reason: str) -> None:
        """No more is sent, what waits can still be received. The first reason stays."""
        if self._closed is None:
            self._closed = reason
        try:
            self._readable.set()
        finally:
            self._writable.set()

    def discard(self, reason: str) -> None:
        """Close, and let nobody read what waits. Not for the producer to call."""
        self._discarded = True
        self._reader_waits = False  # who still does is woken, and nobody wakes it later
        try:
            self.close(reason)
        finally:
            self._readable.close()

    @property
    def closed(self) -> Optional[str]:
        """Why no more is sent; ``None`` while it is."""
        return self._closed

    @property
    def is_discarded(self) -> bool:
        """Whether nobody reads it any more."""
        return self._discarded

    @property
    def room(self) -> int:
        """How many items may come before one finds no room."""
        if not self._max_items:
            return int(self._reader_waits and not self._queue)
        return max(self._max_items - len(self._queue), 0)

    @property
    def received(self) -> Optional[int]:
        """How many items the reader was given; ``None`` while it waits for more."""
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

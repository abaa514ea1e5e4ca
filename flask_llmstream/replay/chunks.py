"""``Chunk``: some events of a log as one piece of bytes, plain or compressed."""

from __future__ import annotations

import zlib
from array import array
from bisect import bisect_left
from itertools import islice
from typing import Iterable, List, NamedTuple

_LEVEL, _WINDOW, _MEMORY = 1, -15, 5
"""How events are compressed: with little effort, as they are much alike."""

_MOST_PACKED = 128 * 1024
"""The most bytes that are compressed at a time: it takes half a millisecond."""


class Chunk(NamedTuple):
    """Some events.

    :ivar first: the number of the first.
    :ivar stop: the number behind the last.
    :ivar data: the events, joined.
    :ivar sizes: how many bytes each has, as an array of integers.
    :ivar is_packed: whether ``data`` and ``sizes`` are compressed.
    """

    first: int
    stop: int
    data: bytes
    sizes: bytes
    is_packed: bool = False

    @property
    def may_be_packed(self) -> bool:
        """Whether it is not compressed, and that would not take long."""
        return not self.is_packed and len(self.data) <= _MOST_PACKED

    def plain(self) -> Chunk:
        """The same, not compressed."""
        if not self.is_packed:
            return self
        return self._replace(data=_unpack(self.data), sizes=_unpack(self.sizes), is_packed=False)

    def packed(self) -> Chunk:
        """The same, compressed."""
        return self._replace(data=_pack(self.data), sizes=_pack(self.sizes), is_packed=True)

    # Of a chunk that is not compressed.

    def events(self) -> List[bytes]:
        """The events, each by itself."""
        found, start = [], 0
        for size in array("I", self.sizes):
            found.append(self.data[start : start + size])
            start += size
        return found

    def behind(self, number: int) -> Chunk:
        """The events from a number on; all, where they begin later."""
        if number <= self.first:
            return self
        return chunk_of(number, self.events()[number - self.first :])

    def within(self, size: int) -> Chunk:
        """As many of the events as have so many bytes: one at least."""
        if len(self.data) <= size:
            return self
        events = self.events()
        return chunk_of(self.first, events[: max(_fitting(events, size), 1)])


def chunk_of(first: int, events: List[bytes]) -> Chunk:
    """Events as a chunk.

    :param first: the number of the first.
    """
    sizes = array("I", map(len, events)).tobytes()
    return Chunk(first, first + len(events), b"".join(events), sizes)


def joined(chunks: List[Chunk]) -> Chunk:
    """Chunks, of which each begins where the one before it stops, as one. None is compressed."""
    if len(chunks) == 1:
        return chunks[0]
    data = b"".join([chunk.data for chunk in chunks])
    sizes = b"".join([chunk.sizes for chunk in chunks])
    return Chunk(chunks[0].first, chunks[-1].stop, data, sizes)


def found_in(chunks: List[Chunk], number: int, size: int) -> Chunk:
    """The events from a number on, up to a size.

    :param chunks: the last of them goes beyond the number.
    """
    index = max(bisect_left(chunks, (number + 1,)) - 1, 0)
    first, *more = _some_from(chunks, index, size)
    return joined([first.plain().behind(number), *more]).within(size)


def with_some_packed(chunks: List[Chunk], size: int) -> List[Chunk]:
    """The same events, with the first plain ones compressed, up to a size."""
    index = next((n for n, chunk in enumerate(chunks) if chunk.may_be_packed), None)
    if index is None:
        return chunks
    plain = _some_from(chunks, index, size)
    return [*chunks[:index], joined(plain).packed(), *chunks[index + len(plain) :]]


def _some_from(chunks: List[Chunk], index: int, size: int) -> List[Chunk]:
    """A chunk, and those behind it up to a size. A compressed one comes alone."""
    if chunks[index].is_packed:
        return [chunks[index]]
    count = 1
    size -= len(chunks[index].data)
    for chunk in islice(chunks, index + 1, None):
        size -= len(chunk.data)
        if size < 0 or chunk.is_packed:
            break
        count += 1
    return chunks[index : index + count]


def _fitting(events: Iterable[bytes], size: int) -> int:
    """How many of the first events have so many bytes, together."""
    count = 0
    for event in events:
        size -= len(event)
        if size < 0:
            break
        count += 1
    return count


def _pack(data: bytes) -> bytes:
    packer = zlib.compressobj(_LEVEL, zlib.DEFLATED, _WINDOW, _MEMORY)
    return packer.compress(data) + packer.flush()


def _unpack(data: bytes) -> bytes:
    return zlib.decompress(data, _WINDOW)

"""``decoded``: the bytes of a body without their ``Content-Encoding``, as they arrive.

The bytes decide, the label is a hint. A proxy may take the coding off and leave the label, or say
``none`` to stop another proxy's compression. gzip is known by its first bytes. They can begin no
text, so it is decoded whatever the label says. ``deflate`` is either RFC 1950 or RFC 1951.
"""

from __future__ import annotations

import re
import zlib
from itertools import chain
from typing import Any, Iterator, Optional

from ..runtime.turns import take_turn

_GZIP = b"\x1f\x8b"
_TEXT = re.compile(rb"[\t\n\r\x20-\x7e\x80-\xff]*")
_ZLIB_WITH_GZIP_HEADER, _ZLIB_WITHOUT_HEADER = 31, -15


def decoded(blocks: Iterator[bytes], coding: str, most: int) -> Iterator[bytes]:
    """The blocks of a body, decoded. A coding that is not known here is left as it is.

    They end with the body, and where the bytes are no longer those of the coding. However much
    the blocks grow, the hub has its turn.

    :param coding: the value of ``Content-Encoding``; ``""`` without one.
    :param most: the most bytes of one decoded block.
    """
    start = b""
    for block in blocks:
        start += block
        if len(start) >= len(_GZIP):
            break
    window_bits = _window_bits(start, coding)
    if window_bits is not None:
        yield from _inflated(chain([start], blocks), window_bits, most)
    elif start:
        yield start
        yield from blocks


def _window_bits(start: bytes, coding: str) -> Optional[int]:
    """How zlib has to be told to read a body that begins so; ``None`` for one that is plain."""
    if start.startswith(_GZIP):
        return _ZLIB_WITH_GZIP_HEADER
    if "deflate" not in coding.lower() or len(start) < len(_GZIP):
        return None
    if start[0] & 0x0F == 8 and int.from_bytes(start[:2], "big") % 31 == 0:  # RFC 1950, 2.2
        return zlib.MAX_WBITS
    return None if _TEXT.fullmatch(start) else _ZLIB_WITHOUT_HEADER


def _inflated(blocks: Iterator[bytes], window_bits: int, most: int) -> Iterator[bytes]:
    inflating: Any = zlib.decompressobj(window_bits)
    for rest in blocks:
        while rest:
            take_turn()
            try:
                block = inflating.decompress(rest, most)
            except zlib.error:
                return
            if block:
                yield block
            rest = inflating.unconsumed_tail
            if inflating.eof:  # another member may follow (RFC 1952, 2.2)
                rest, inflating = inflating.unused_data, zlib.decompressobj(window_bits)

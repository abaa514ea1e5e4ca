"""Reads an event stream that somebody on the way compressed."""

from __future__ import annotations

import zlib
from typing import Any

from tests.support.servers import Reader


def decoded(reader: Reader) -> Reader:
    """The same reader, where nothing was compressed; else one that sees what was meant."""
    coding = reader.response.headers.get("Content-Encoding", "identity")
    return reader if coding == "identity" else Reader(Gunzipped(reader.response))


class Gunzipped:
    """An answer without its compression, in the pieces it comes in."""

    def __init__(self, response: Any) -> None:
        self._response = response
        self._inflater = zlib.decompressobj(wbits=16 + zlib.MAX_WBITS)

    def read1(self, size: int) -> bytes:
        """What has arrived, at least a byte; ``b""`` at the end."""
        piece = self._response.read1(size)
        while piece:
            text = self._inflater.decompress(piece)
            if text:
                return text
            piece = self._response.read1(size)
        return b""

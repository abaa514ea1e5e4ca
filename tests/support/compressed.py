"""Reads an event stream that was compressed on its way."""

from __future__ import annotations

import zlib
from typing import Any

from tests.support.servers import Reader


def decoded(reader: Reader) -> Reader:
    """The same reader where nothing was compressed; else a reader of the decompressed stream."""
    coding = reader.response.headers.get("Content-Encoding", "identity")
    return reader if coding == "identity" else Reader(Gunzipped(reader.response))


class Gunzipped:
    """A compressed answer, decompressed piece by piece as it arrives."""

    def __init__(self, response: Any) -> None:
        self._response = response
        self._inflater = zlib.decompressobj(wbits=16 + zlib.MAX_WBITS)

    def read1(self, size: int) -> bytes:
        """The bytes that have arrived, at least one; ``b""`` at the end."""
        piece = self._response.read1(size)
        while piece:
            text = self._inflater.decompress(piece)
            if text:
                return text
            piece = self._response.read1(size)
        return b""

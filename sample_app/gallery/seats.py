"""``Seats``: how many may watch at a time, so that the gallery leaves the chat its slots."""

from __future__ import annotations

from contextlib import contextmanager
from typing import Iterator

from flask_llmstream import StreamError


class Seats:
    """So many at a time; the next is refused with 503."""

    def __init__(self, most: int) -> None:
        self._free = most

    @contextmanager
    def taken(self) -> Iterator[None]:
        """Take one for as long as the block lasts.

        :raises StreamError: none is free.
        """
        if not self._free:
            message = "The gallery is full. Come back in a while."
            raise StreamError(message, code="gallery_full", status=503, retry_after=10)
        self._free -= 1
        try:
            yield
        finally:
            self._free += 1

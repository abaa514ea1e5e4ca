"""``Seats``: a limit of visitors at a time, so that the gallery leaves slots for the chat."""

from __future__ import annotations

from contextlib import contextmanager
from typing import Iterator

from flask_llmstream import StreamError


class Seats:
    """``most`` seats; without a free one a visitor is refused with 503."""

    def __init__(self, most: int) -> None:
        self._free = most

    @contextmanager
    def taken(self) -> Iterator[None]:
        """Take a seat for as long as the block lasts.

        :raises StreamError: no seat is free.
        """
        if not self._free:
            message = "The gallery is full. Come back in a while."
            raise StreamError(message, code="gallery_full", status=503, retry_after=10)
        self._free -= 1
        try:
            yield
        finally:
            self._free += 1

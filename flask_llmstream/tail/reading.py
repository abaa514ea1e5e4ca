"""``Reading``: reads a stream on a thread of its own, and takes the time of all that comes.

The main thread shows it. Being slow, it falsifies no time; being the only one that writes, it tears
no line. And it can leave at once, whatever the other hangs in: nothing ends the look-up of a name.
"""

from __future__ import annotations

import queue
from threading import Thread
from typing import TYPE_CHECKING, Any, Callable, NamedTuple, Optional

if TYPE_CHECKING:
    from ..client.event_source import EventSource

_AT_MOST = 1000
"""So many pieces wait to be shown; then the reader waits, and so does the server."""


class News(NamedTuple):
    """Something that came.

    :ivar kind: ``text`` with the text and the ID of its event; ``bytes`` with them;
        ``reconnecting`` with the error and the seconds of the pause; ``over`` with the exception
        that ended it, or ``None``. Nothing follows ``over``.
    :ivar at: the clock's seconds.
    """

    kind: str
    at: float
    value: Any


class Reading:
    """The reading of one stream.

    :param open_source: makes the source. It gets the functions for its ``on_bytes`` and its
        ``on_reconnect``.
    :param clock: returns the seconds of the news.
    """

    def __init__(
        self,
        open_source: "Callable[..., EventSource]",
        clock: Callable[[], float],
    ) -> None:
        self._clock = clock
        self._news: "queue.Queue[News]" = queue.Queue(_AT_MOST)
        self._left = False
        self.source = open_source(
            on_bytes=lambda data: self._tell("bytes", data),
            on_reconnect=lambda *why: self._tell("reconnecting", why),
        )
        self._thread = Thread(target=self._read, daemon=True)

    def __enter__(self) -> Reading:
        self._thread.start()
        return self

    def __exit__(self, *_: Any) -> None:
        """End the reading, at once."""
        self._left = True
        self.source.close()
        self._make_room()

    def next(self, patience: Optional[float]) -> Optional[News]:
        """The next news; ``None`` where none came within so many seconds."""
        try:
            return self._news.get(timeout=patience)
        except queue.Empty:
            return None

    def _read(self) -> None:
        try:
            for text in self.source.text():
                self._tell("text", (text, self.source.last_event_id))
        except BaseException as error:
            self._tell("over", error)
        else:
            self._tell("over", None)

    def _tell(self, kind: str, value: Any) -> None:
        if not self._left:
            self._news.put(News(kind, self._clock(), value))

    def _make_room(self) -> None:
        """For a reader that waits to put. It put nothing else: ``_left`` was set before, so at most
        this one piece follows."""
        while True:
            try:
                self._news.get_nowait()
            except queue.Empty:
                return

"""``Detachable``: a stream that may go on without its reader."""

from __future__ import annotations

import random
from functools import partial
from typing import Any, Optional

from ..records import ErrorInfo
from ..runtime.atomic import claim
from .departure import Departure
from .endable import RECONNECTION_MS, Endable
from .timeouts import Deadlines


class Detachable(Endable):
    """A source and its way to the first reader, who may leave before the end.

    ``sink.is_detached`` says that the source goes on without that reader. It is false again from
    the end on.
    """

    __slots__ = (
        "_beside_reader", "_deadlines", "_departure", "_is_sent_off", "_format_is_read",
    )  # fmt: skip

    def __init__(self, *arguments: Any, **keywords: Any) -> None:
        super().__init__(*arguments, **keywords)
        self._deadlines: Optional[Deadlines] = None
        self._departure: Optional[Departure] = None
        self._beside_reader: Any = None  # how to spawn there, and how to make a timer
        self._is_sent_off = False
        self._format_is_read = True

    def leave(self) -> None:
        """Its reader has left: end it, or let it go on, by the option ``on_leave``."""
        leaving = self._leaving
        if leaving == "cancel" and self.recorder is None:
            self.end("disconnect")
        elif self._detach(0 if leaving == "cancel" else self.options.detach_seconds):
            self._isolated(partial(self.sink.channel.discard, "disconnect"))
            self._tell_departure()

    @property
    def _leaving(self) -> str:
        """What a reader's departure means. Only a stream that is kept is worth waiting for."""
        return self.options.on_leave or ("cancel" if self.recorder is None else "detach")

    def send_off(self) -> None:
        """End the connection of its reader, who comes back for the rest. A stream that is not kept
        ends with ``shutdown``."""
        if self.recorder is None:
            self.shut_down()
        elif self._detach(self.options.detach_seconds):
            self._is_sent_off = True  # before the channel: its reader looks for the last frame
            self._isolated(partial(self.sink.channel.close, "shutdown"))

    def _detach(self, seconds: float) -> bool:
        """Go on without the reader.

        :param seconds: how long, unless ``on_leave`` says to the end.
        :returns: ``False`` where the stream has ended, or has no reader.
        """
        handover = self.sink.handover
        if handover is None or handover.is_detached:
            return False
        handover.is_detached = True  # before the look; an end looks in the other order
        if self.reason is not None:
            handover.is_detached = False
            return False
        if self._leaving != "finish":
            self._departure = Departure(self, seconds, *self._beside_reader)
            self._isolated(self._departure.begin)
        return True

    @property
    def farewell(self) -> Optional[bytes]:
        """The last bytes for a reader who is sent off; ``None`` for another reader."""
        if not self._is_sent_off:
            return None
        retry = random.randint(*RECONNECTION_MS)
        return self.format.reconnect_notice(ErrorInfo("shutdown", "", self.id, retry=retry))

    def is_read(self) -> bool:
        """Whether a reader of the log is there. May block."""
        return self.recorder is not None and self.recorder.is_read()

    @property
    def has_lost_reader(self) -> bool:
        """Whether its first reader has left, be the stream at its end or not."""
        channel = self.sink.channel
        return self.reason == "disconnect" or (channel is not None and channel.is_discarded)

    def _close_detached(self) -> None:
        """Do at the end what a departure does, where that came too early. Called on the worker."""
        departure, self._departure = self._departure, None  # it holds this stream
        if departure is not None:
            departure.cancel()
        if self.sink.handover is None:  # its reader does so
            return
        if not self._is_left and (self.has_lost_reader or self._is_sent_off):
            self._leave_format()
            self._cancel_timers()

    def _leave_format(self) -> None:
        """Tell the format, once, that nobody reads it any more."""
        if claim(self, "_format_is_read"):
            self._isolated(self.format.left)
        self._is_left = True

    def _cancel_timers(self) -> None:
        """Cancel the timers where they were made. They hold this stream."""
        deadlines, self._deadlines = self._deadlines, None
        if deadlines is not None:
            beside_reader, _ = self._beside_reader
            self._isolated(partial(beside_reader, partial(self._isolated, deadlines.cancel)))

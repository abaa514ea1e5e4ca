"""``Deadlines``: the timers that end a stream.

Their callbacks run in the hub or on the timer thread. None of them blocks.
"""

from __future__ import annotations

import random
from time import monotonic
from typing import Callable, List, Optional, Protocol

from ..errors import StreamTimeout
from ..runtime.timers import Schedule, Timer
from .options import StreamOptions

JITTER = 0.1
"""The part of ``max_lifetime`` that is random. So streams that began together do not all come back
together."""


class Watched(Protocol):
    """The state that the deadlines look at."""

    @property
    def has_begun(self) -> bool:
        """Whether the source has given an item."""

    @property
    def last_item_at(self) -> Optional[float]:
        """When the source gave its latest item; ``None`` before the first."""

    @property
    def waits_for_room(self) -> bool:
        """Whether the producer waits for the reader. Then the source is not slow."""


class Timed(Protocol):
    """The stream that the deadlines end."""

    def time_out(self, error: StreamTimeout) -> None:
        """End it with ``timeout``."""

    def send_off(self) -> None:
        """End the connection of its reader, who comes back."""


class Deadlines:
    """The timers of one stream. They run from its making to :meth:`cancel`."""

    __slots__ = (
        "_stream", "_sink", "_options", "_schedule", "_clock", "_timers", "_idle", "_is_over",
    )  # fmt: skip

    def __init__(
        self,
        stream: Timed,
        sink: Watched,
        options: StreamOptions,
        schedule: Schedule,
        clock: Callable[[], float] = monotonic,
    ) -> None:
        self._stream = stream
        self._sink = sink
        self._options = options
        self._schedule = schedule
        self._clock = clock
        self._timers: List[Timer] = []
        self._idle: Optional[Timer] = None
        self._is_over = False
        self._after(options.first_event_timeout, self._first_event)
        self._after(options.total_timeout, self._total)
        self._after(options.max_lifetime * random.uniform(1 - JITTER, 1), stream.send_off)
        self._look_again(options.idle_timeout)

    def cancel(self) -> None:
        """Stop all timers. Call it where they were made; it may be called again."""
        self._is_over = True
        for timer in self._timers:
            timer.cancel()
        if self._idle is not None:
            self._idle.cancel()

    def _after(self, seconds: float, callback: Callable[[], None]) -> None:
        if seconds:
            self._timers.append(self._schedule(seconds, callback))

    def _first_event(self) -> None:
        if not self._sink.has_begun:
            seconds = self._options.first_event_timeout
            self._time_out(f"The answer did not begin within {seconds:g} seconds.")

    def _total(self) -> None:
        self._time_out(f"The answer took longer than {self._options.total_timeout:g} seconds.")

    def _time_out(self, message: str) -> None:
        self._stream.time_out(StreamTimeout(message))

    # One timer for all items. An item does not move it: it looks when it fires.

    def _look_again(self, seconds: float) -> None:
        if not seconds:
            return
        self._idle = self._schedule(seconds, self._check_idle)
        if self._is_over:  # another thread has cancelled meanwhile
            self._idle.cancel()

    def _check_idle(self) -> None:
        limit = self._options.idle_timeout
        last = self._sink.last_item_at
        silent = 0.0 if last is None or self._sink.waits_for_room else self._clock() - last
        if silent >= limit:
            self._time_out(f"The answer paused for more than {limit:g} seconds.")
        elif not self._is_over:
            self._look_again(limit - silent)

"""``RedisRecording``: the producer's end of a stream. What it appends is kept in this process at
once, and copied to Redis by the writer."""

from __future__ import annotations

from time import monotonic
from typing import Callable, List

from ...errors import ReplayUnavailable
from ...log import log
from ...runtime.atomic import claim
from ...runtime.mutex import wakeup_of_the_caller
from ..base import Recording
from ..event_log import EventLog
from .copying import Copying
from .health import Health
from .run import Run
from .writer import Writer

FLUSH_SECONDS = (0.001, 0.05)
"""The least and the most seconds between two looks of a flush."""


class RedisRecording(Recording):
    """The producer's end of a stream in Redis.

    :param stop: as of :meth:`~flask_llmstream.replay.base.ReplayStorage.record`.
    :param ended: called with the stream's ID when Redis has its end, or needs nothing any more.
    :ivar readings: the readers in this process.
    """

    def __init__(
        self,
        run: Run,
        events: EventLog,
        stop: Callable[[str], object],
        ended: Callable[[str], object],
        writer: Writer,
        health: Health,
    ) -> None:
        self.log = events
        self.readings: List[object] = []
        self.head = run.head
        self._run = run
        self._stop = stop
        self._may_stop = True
        self._writer = writer
        self._copying = Copying(run, events, health, self.stop, ended, monotonic())

    def append(self, event: bytes) -> None:
        self.log.append(event)
        if not self._copying.is_waiting:
            self._writer.attend(self._copying)

    def finish(self, frame: bytes, reason: str) -> None:
        if self.log.finish(frame, reason):
            self._writer.attend(self._copying)

    def is_read(self) -> bool:
        """Whether anybody reads the stream. A reader elsewhere counts for some seconds after it
        left. Where Redis can't be asked, there may be one: no answer is thrown away for that."""
        if self.readings:
            return True
        try:
            return bool(self._writer.call(("EXISTS", self._run.keys.readers))[0])
        except ReplayUnavailable:
            return True

    def flush(self, seconds: float) -> bool:
        deadline, pause = monotonic() + seconds, FLUSH_SECONDS[0]
        wakeup = wakeup_of_the_caller()
        try:
            while not self._copying.is_whole and monotonic() < deadline:
                wakeup.wait(pause)
                pause = min(2 * pause, FLUSH_SECONDS[1])
        finally:
            wakeup.close()
        return self._copying.is_whole

    # Called by the storage.

    def start(self) -> None:
        """Begin to copy."""
        self._writer.add(self._copying)

    def stop(self, reason: str) -> None:
        """Ask the producer to end. Any thread may call it; only the first call counts."""
        if claim(self, "_may_stop"):
            log.isolated(lambda: self._stop(reason), "a stream could not be stopped")

    @property
    def is_kept(self) -> bool:
        """Whether Redis has all of it, as far as it will ever have."""
        return self._copying.is_done

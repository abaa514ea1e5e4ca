"""``RedisRecording``: the producer's end of a stream. What it appends is kept in this process at
once, and copied to Redis by the writer."""

from __future__ import annotations

import atexit
import os
from contextlib import closing
from time import monotonic
from typing import Callable, List, Set

from ...errors import ReplayUnavailable
from ...log import log
from ...runtime.atomic import claim
from ...runtime.looks import looks
from ...runtime.mutex import wakeup_of_the_caller
from ..base import Recording
from ..event_log import EventLog
from .copying import Copying
from .health import Health
from .run import Run
from .writer import Writer

FLUSH_SECONDS = (0.001, 0.05)
"""The pauses between two looks of a flush."""

EXIT_SECONDS = 3.0
"""How long a process that ends goes on sending what Redis lacks."""


class RedisRecording(Recording):
    """The producer's end of a stream in Redis.

    :param stop: as of :meth:`~flask_llmstream.replay.base.ReplayStorage.record`.
    :param ended: called with the stream's ID when Redis has its end, or needs nothing any more.
    :ivar process: the ID of the process that made it.
    :ivar readings: the readers in this process.
    """

    __slots__ = (
        "log", "append", "readings", "head", "process", "_run", "_ended", "_stop", "_may_stop",
        "_writer", "_copying",
    )  # fmt: skip

    append: Callable[[bytes], None]  # type: ignore[assignment]

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
        self.process = os.getpid()
        self._ended = ended
        self._stop = stop
        self._may_stop = True
        self._writer = writer
        self._copying = Copying(run, events, health, self.stop, self._end, monotonic())
        self.append = self._appender()

    def _appender(self) -> Callable[[bytes], None]:
        keep, copying, attend = self.log.appender(), self._copying, self._writer.attend

        def append(event: bytes) -> None:
            keep(event)
            if not copying.is_waiting:
                attend(copying)

        return append

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
        with closing(wakeup_of_the_caller()) as wakeup:
            return any(self._is_copied() for _ in looks(wakeup, seconds, FLUSH_SECONDS))

    def _is_copied(self) -> bool:
        if not self._copying.is_whole:
            self._writer.attend(self._copying)  # it may have replies to read
        return self._copying.is_whole

    # Called by the storage.

    def start(self) -> None:
        """Begin to copy."""
        _unsent.add(self)
        self._writer.add(self._copying)

    def forget(self) -> None:
        """Send no more of it."""
        _unsent.discard(self)

    def _end(self, stream_id: str) -> None:
        self.forget()
        self._ended(stream_id)

    def stop(self, reason: str) -> None:
        """Ask the producer to end. Any thread may call it; only the first call counts. One that has
        ended is not cancelled: others don't see its end until Redis has it."""
        if reason == "cancelled" and self.log.end is not None:
            return
        if claim(self, "_may_stop"):
            log.isolated(lambda: self._stop(reason), "a stream could not be stopped")


_unsent: Set[RedisRecording] = set()
"""The recordings whose end Redis does not have. A script ends right behind the end of its stream,
and may have forgotten the storage before."""


def _flush_at_exit() -> None:
    for recording in list(_unsent):
        if recording.process == os.getpid():  # a forked child leaves those of its parent alone
            if recording.log.end is not None and not recording.flush(EXIT_SECONDS):
                log.warning("a process ends, and Redis has not got the end of all its streams")
                return


atexit.register(_flush_at_exit)

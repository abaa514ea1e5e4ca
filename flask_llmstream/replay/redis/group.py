"""``Group``: what one server, or one bucket of a cluster, needs in this process: a connection that
writes, one that follows, and the streams of both."""

from __future__ import annotations

from contextlib import suppress
from time import monotonic
from typing import Dict, List, Optional
from weakref import WeakValueDictionary

from ...errors import ReplayUnavailable
from ..base import Reading, StreamHead
from ..event_log import EventLog
from .copy import LOOKS, Copy
from .follower import Follower
from .health import Health
from .link import Command, Link
from .recording import RedisRecording
from .run import Terms
from .servers import Servers
from .texts import to_bytes
from .writer import Writer

INBOX_SECONDS = 60
MOST_MESSAGES = 1000

CLOSE_SECONDS = 3.0
"""How long :meth:`Group.close` goes on sending what Redis lacks."""


class RedisReading(Reading):
    """A reader's end of a stream in Redis.

    :param readings: the readers of the same log in this process.
    """

    def __init__(
        self, head: StreamHead, log: EventLog, is_local: bool, readings: List[object]
    ) -> None:
        self.head = head
        self.log = log
        self.is_local = is_local
        self.is_live = log.end is None
        self._readings = readings

    def close(self) -> None:
        if self in self._readings:
            self._readings.remove(self)


class Group:
    """The streams of one server, or of one bucket of a cluster.

    :param tag: what the keys of the group begin with.
    :param inbox: the key of this process's inbox there.
    """

    def __init__(
        self, servers: Servers, tag: bytes, inbox: bytes, health: Health, terms: Terms
    ) -> None:
        self.inbox = inbox
        self.recordings: Dict[str, RedisRecording] = {}
        self._copies: "WeakValueDictionary[str, Copy]" = WeakValueDictionary()
        block_seconds = terms.lease / LOOKS
        self.writer = Writer(Link(lambda: servers.connect(tag)), health, terms.lease / 16)
        self.follower = Follower(
            Link(lambda: servers.connect(tag)),
            health,
            inbox,
            self.stop,
            block_seconds,
            servers.block_seconds,
        )

    def stop(self, stream_id: str) -> bool:
        """Stop a stream that is produced here.

        :returns: whether it is.
        """
        recording = self.recordings.get(stream_id)
        if recording is not None:
            recording.stop("cancelled")
        return recording is not None

    def tell(self, inbox: bytes, kind: str, stream_id: str = "") -> List[Command]:
        """The commands by which a process is told something."""
        text = to_bytes(stream_id)
        return [
            ("XADD", inbox, "MAXLEN", "~", MOST_MESSAGES, "*", kind, text),
            ("EXPIRE", inbox, INBOX_SECONDS),
        ]

    # Recordings.

    def record(self, stream_id: str, recording: RedisRecording) -> None:
        """Let a stop reach this recording."""
        self.recordings[stream_id] = recording
        self.follower.listen(stream_id)

    def drop(self, stream_id: str) -> None:
        """It has ended."""
        self.recordings.pop(stream_id, None)
        self.follower.unlisten(stream_id)

    # Readings.

    def read_here(self, stream_id: str) -> Optional[Reading]:
        """Read a stream whose events are in this process; ``None`` where they are not."""
        recording = self.recordings.get(stream_id)
        if recording is not None:
            readings = recording.readings
            reading = RedisReading(recording.head, recording.log, True, readings)
            readings.append(reading)
            return reading
        copy = self._copies.get(stream_id)
        return None if copy is None or copy.is_lost else _reading_of(copy)

    def follow(self, stream_id: str, copy: Copy) -> Reading:
        """Begin to follow a stream. Another reader may do so at the same time: then there are two
        copies, and later readers share one of them."""
        reading = _reading_of(copy)
        assert reading is not None  # nobody drops it before it is followed
        self._copies[stream_id] = copy
        self.follower.follow(copy)
        self.writer.send(*self.tell(self.inbox, "wake"))
        return reading

    def forget(self, stream_id: str) -> None:
        """Let later readers not share this copy."""
        self._copies.pop(stream_id, None)

    # The end.

    def close(self) -> None:
        """Send what is left, and end the workers."""
        recordings = list(self.recordings.values())
        deadline = monotonic() + CLOSE_SECONDS
        with suppress(ReplayUnavailable):  # there is nobody to whom it could be sent
            for recording in recordings:
                self.writer.ask(("PING",))
                recording.flush(deadline - monotonic())
        for recording in recordings:
            recording.forget()
        self.writer.close()
        self.follower.close()


def _reading_of(copy: Copy) -> Optional[Reading]:
    reading = RedisReading(copy.head, copy.log, False, copy.readings)
    return reading if copy.join(reading) else None

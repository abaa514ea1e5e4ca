"""The contract of a replay storage: it keeps the events of streams for readers who come back.

A storage of one's own is a subclass of :class:`ReplayStorage`, given as ``LLMSTREAM_REPLAY_URL``.
These docstrings are the contract, and ``tests/replay/contract.py`` is its test.

Each stream that runs has one producer, in one process. The process keeps the stream's events in an
:class:`~.event_log.EventLog`, and that is the truth while it lives. A storage that several
processes share copies the events to its own place, and fills an event log of its own in each other
process where the stream is read.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from types import MappingProxyType
from typing import Callable, List, Mapping, NamedTuple, Optional

from .event_log import EventLog


class StreamHead(NamedTuple):
    """What a storage keeps of a stream beside its events.

    :ivar owner: a digest of its owner; ``""``: the ID alone is the right to it.
    :ivar content_type: the ``Content-Type`` of its response.
    :ivar opening: the bytes before the first event, for a reader from the start.
    :ivar lost: the last bytes for readers whose producer is lost: a failure of the stream's format.
    :ivar gap: the bytes that tell of lost events; they hold the number once, as
        :data:`GAP_NUMBER`. ``b""``: the format can't tell of a gap.
    :ivar headers: the headers of its response that its format adds.
    :ivar created: when it started, in seconds since 1970.
    :ivar model: the name of the model that answers; ``""`` where no model does.
    :ivar memo: what later requests need of this stream's request; ``b""`` for nothing.
    """

    owner: str
    content_type: str
    opening: bytes = b""
    lost: bytes = b""
    gap: bytes = b""
    headers: Mapping[str, str] = MappingProxyType({})
    created: int = 0
    model: str = ""
    memo: bytes = b""


GAP_NUMBER = b"9007199254740991"
"""Stands for the number of lost events in ``StreamHead.gap``."""


class Listing(NamedTuple):
    """A stream that runs, in a list of them.

    :ivar id: the stream's ID.
    :ivar created: when it started, in seconds since 1970.
    :ivar model: the name of the model that answers; ``""`` where no model does.
    """

    id: str
    created: int
    model: str


class Recording(ABC):
    """The producer's end of one stream in a storage.

    Only one caller at a time may append. Nothing here blocks, except :meth:`is_read` and
    :meth:`flush`.

    :ivar log: the events so far; it knows the number of the run.
    """

    log: EventLog

    @abstractmethod
    def append(self, event: bytes) -> None:
        """Keep the next event, as it comes from the format: the ``numbering`` of the log gives it
        its ID where it is read. This is on the path of every token.

        :raises StreamClosed: the recording is finished, or another run has taken its place.
        """

    @abstractmethod
    def finish(self, frame: bytes, reason: str) -> None:
        """Keep the end. Any thread may call it; only the first call counts.

        :param frame: the last bytes of the answer.
        :param reason: as of :class:`~flask_llmstream.records.Summary`.
        """

    @abstractmethod
    def is_read(self) -> bool:
        """Whether anybody reads the stream from the storage, in any process. May block."""

    def flush(self, seconds: float) -> bool:
        """Wait until all that was appended, and the end, are where other processes read them.

        :param seconds: the longest wait.
        :returns: ``False`` where they are not. Default: ``True``, for a storage that keeps them at
            once.
        """
        return True


class Reading(ABC):
    """A reader's end of one stream in a storage.

    :ivar head: what is known of the stream beside its events.
    :ivar log: its events. A storage that is shared goes on filling it until :meth:`close`.
    :ivar is_local: whether the stream's producer is in this process.
    :ivar is_live: whether the stream's producer was there when the reading began. If it was not,
        the end is in the log, or comes to it within seconds.
    """

    head: StreamHead
    log: EventLog
    is_local: bool
    is_live: bool

    @abstractmethod
    def close(self) -> None:
        """The reader has left. Never blocks; a second call is harmless. A finalizer may call it."""


class ReplayStorage(ABC):
    """Keeps the events of streams, and small notes beside them, all for a limited time.

    Every method may be called on any thread or greenlet and may block. A storage that can't be
    reached raises :class:`~flask_llmstream.errors.ReplayUnavailable`. A forked child begins anew:
    the streams of its parent are not its own.

    :cvar is_shared: whether other processes see what this one keeps.
    :cvar lease: how many seconds a producer that was lost may look alive.
    """

    is_shared = False
    lease: float = 0

    @abstractmethod
    def record(
        self, stream_id: str, head: StreamHead, stop: Callable[[str], object]
    ) -> Recording:
        """Begin to record a stream. Of several callers with one ID at a time, one wins.

        Where the last producer of this stream was lost, this begins a new run. Its events take the
        place of the old ones, and whatever the old producer still appends is refused.

        :param stop: called once, without blocking, from anywhere, if the producer must end:
            ``"cancelled"``: somebody has stopped the stream; ``"replaced"``: another run has taken
            its place.
        :raises StreamIsProduced: another producer has it, or it has ended.
        :raises ReplayFull: as many streams run as the storage may hold.
        """

    @abstractmethod
    def read(self, stream_id: str) -> Optional[Reading]:
        """Begin to read a stream.

        :returns: ``None`` where the storage has none of this ID.
        """

    @abstractmethod
    def stop(self, stream_id: str) -> bool:
        """Ask the producer to end, wherever it is. Also before it has begun: then it must not
        begin within the next minute.

        :returns: whether the storage knows the stream, or will remember to stop it.
        """

    @abstractmethod
    def forget(self, stream_id: str) -> None:
        """Keep a stream that has ended no more. Who reads it already reads on. One that goes on
        stays."""

    @abstractmethod
    def running(self, owner: str) -> List[Listing]:
        """The streams of one owner that run, the oldest first. ``""`` owns none."""

    # Notes: what the endpoints remember beside streams. They expire like finished streams.

    @abstractmethod
    def add_note(self, key: str, value: str) -> Optional[str]:
        """Keep a value, unless there is one. Of several callers at a time, one wins.

        :returns: the value that was there; ``None`` where this one is kept.
        """

    @abstractmethod
    def set_note(self, key: str, value: str) -> None:
        """Keep a value in place of any other."""

    @abstractmethod
    def note(self, key: str) -> Optional[str]:
        """A value that is kept; ``None`` for none."""

    @abstractmethod
    def drop_note(self, key: str, value: str) -> None:
        """Forget a value, where it is still this one."""

    def close(self) -> None:
        """Let go of connections and workers, in a test or before the process ends."""


class Limits(NamedTuple):
    """How much a storage keeps.

    :ivar max_streams: the most streams of one process, running and finished. A finished one makes
        room for a new one. Only for storages in the process's own memory.
    :ivar max_events: the most events of one stream. The oldest make room.
    :ivar max_bytes: the most bytes of one stream's events. The oldest make room.
    :ivar expires: seconds that a stream is kept after its last event.
    """

    max_streams: int = 1000
    max_events: int = 10_000
    max_bytes: int = 1024 * 1024
    expires: float = 3600

"""``Recorder``: keeps what a stream sends in a storage, for readers who come back."""

from __future__ import annotations

from copy import copy
from time import time
from typing import TYPE_CHECKING, Any, Callable, Optional, Protocol
from weakref import WeakMethod

from ..channel.channel import Channel
from ..errors import ProducerLost
from ..records import Gap
from ..replay.base import GAP_NUMBER, Recording, ReplayStorage, StreamHead
from ..replay.numbering import Numbering, split_events, split_opening, with_ending_ids
from .ids import ended_id, opening_id

if TYPE_CHECKING:
    from .stream import Stream

Receive = Callable[[Optional[float]], Optional[bytes]]


class Claim(Protocol):
    """The right to begin a stream, for one of several that may."""

    def begun(self, events: int) -> None:
        """It has begun, with an opening of so many events."""

    def free(self) -> None:
        """It does not begin."""


class Recorder:
    """Takes the events of one stream to a storage, and gives them their IDs.

    :param storage: where the events are kept.
    :param owner: a digest of the stream's owner; ``""``: the ID alone is the right to it.
    :param model: the name of the model that answers; ``""`` where no model does.
    :param note: the key of a note that gets the stream's ID; ``""``: none does.
    :ivar claim: hears whether the stream begins; ``None``: nobody wants to know.
    :ivar opening: the first bytes of the answer, once the stream is open.
    :ivar ending: the last bytes of the answer, once the stream has ended; ``None`` before.
    """

    __slots__ = (
        "claim", "opening", "ending", "_storage", "_owner", "_model", "_note", "_recording",
        "_numbering",
    )  # fmt: skip

    def __init__(
        self, storage: ReplayStorage, owner: str = "", model: str = "", note: str = ""
    ) -> None:
        self.claim: Optional[Claim] = None
        self.opening = b""
        self.ending: Optional[bytes] = None
        self._storage = storage
        self._owner = owner
        self._model = model
        self._note = note
        self._recording: Optional[Recording] = None

    def begin(self, stream: Stream, opening: bytes) -> Callable[[bytes], None]:
        """Begin to record. Called once, before the first frame.

        :returns: the function that keeps the next event.
        :raises StreamError: the storage has no room, or can't be reached.
        """
        self.opening, rest = split_opening(opening)
        if self._note:  # before the stream: where it can't be kept, nothing has begun
            self._storage.set_note(self._note, stream.id)
        head = self._head(stream)
        stop = _weakly(stream.stopped)
        self._recording = recording = self._storage.record(stream.id, head, stop)
        try:
            self._open(stream.id, recording, rest)
        except BaseException:  # it runs for nobody: a reader would wait for its end for good
            self._recording = None
            recording.finish(head.lost, "lost")
            raise
        return recording.append

    def _open(self, stream_id: str, recording: Recording, rest: bytes) -> None:
        """Record the opening."""
        self._numbering = recording.log.numbering = Numbering(stream_id, recording.log.run)
        events = split_events(rest)
        for event in events:
            recording.append(event)
        self.opening += self._numbering.number(b"".join(events), 1)[0]
        if self.claim is not None:
            self.claim.begun(recording.log.last)

    def _head(self, stream: Stream) -> StreamHead:
        format = stream.format
        return StreamHead(
            owner=self._owner,
            content_type=format.content_type,
            opening=self.opening,
            lost=_lost_frame(stream) if self._storage.is_shared else b"",  # or all goes with it
            gap=_heard(format.gap(Gap(int(GAP_NUMBER)))),
            headers=dict(format.headers),
            created=int(time()),
            model=self._model,
            memo=format.memo,
        )

    def numbered(self, receive: Receive, channel: Channel) -> Receive:
        """The channel's ``receive``, with an ID in each event. The channel has the events as the
        log has them. So the two agree in the numbers. Behind the end come those for which the
        channel had no room."""
        number = self._numbering.number
        log = self._recording.log  # type: ignore[union-attr]
        next_number = log.last + 1

        def receive_numbered(timeout: Optional[float] = None) -> Optional[bytes]:
            nonlocal next_number
            block = receive(timeout)
            if block:
                block, next_number = number(block, next_number)
            elif block is None and log.end is not None and not channel.is_discarded:
                rest = log.read(next_number - 1)
                if rest is not None and not rest.lost:
                    block, next_number = rest.events, rest.last + 1
            return block

        return receive_numbered

    def finish(
        self, stream_id: str, frame: Optional[bytes], reason: str, unsaid: bytes = b""
    ) -> None:
        """Keep the end.

        :param frame: the last bytes; ``None`` where the format can't make them.
        :param unsaid: the last bytes for the readers of the log in that case. The first reader's
            connection is cut then; a cut would only bring these back.
        """
        self.ending = None if frame is None else with_ending_ids(frame, stream_id)
        if self._recording is not None:
            self._recording.finish(unsaid if self.ending is None else self.ending, reason)

    def forget(self) -> None:
        """The stream never ran."""
        if self.claim is not None and self._recording is None:
            self.claim.free()

    def is_read(self) -> bool:
        """Whether anybody reads the stream from the storage. May block."""
        return self._recording is not None and self._recording.is_read()

    def flush(self, seconds: float) -> bool:
        """Wait until all of it is where other processes read it.

        :returns: ``False`` where that took too long.
        """
        return self._recording is None or self._recording.flush(seconds)


def _weakly(stop: Callable[[str], object]) -> Callable[[str], None]:
    """The method, without its object: a storage must not keep a stream that nobody else has."""
    method = WeakMethod(stop)

    def stop_if_there(reason: str) -> None:
        found = method()
        if found is not None:
            found(reason)

    return stop_if_there


def keep_whole(
    storage: ReplayStorage, stream_id: str, head: StreamHead, opening: bytes, ending: bytes
) -> None:
    """Keep an answer that nobody could follow, in the frames of one that was streamed.

    :param head: all but the opening.
    :raises StreamError: the storage has no room, or can't be reached.
    """
    first, rest = split_opening(opening)
    named = b"%bid: %b\n\n" % (first[:-1], opening_id(stream_id).encode())
    recording = storage.record(stream_id, head._replace(opening=named), _nothing_to_stop)
    recording.log.numbering = Numbering(stream_id, recording.log.run)
    for event in split_events(rest):
        recording.append(event)
    recording.finish(with_ending_ids(ending, stream_id), "complete")


def _nothing_to_stop(reason: str) -> None:
    """It has ended."""


def _heard(gap: bytes) -> bytes:
    """A report of lost events, if clients hear of it. They skip a comment, and would take the rest
    of an answer for all of it."""
    return b"" if gap.startswith(b":") else gap


def _lost_frame(stream: Stream) -> bytes:
    """The end for readers whose producer is lost."""
    # A format may note that it was asked for a failure. So a copy is asked.
    format: Any = copy(stream.format)
    failure = stream.error_info_of(ProducerLost())
    return with_ending_ids(format.failure(failure, ended_id(stream.id)), stream.id)

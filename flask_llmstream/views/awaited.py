"""A reader who comes before the stream: its producer, a queued task, has yet to begin.

The reader gets heartbeats until then, and an error where that takes too long.
"""

from __future__ import annotations

from contextlib import closing
from copy import copy
from typing import Iterator, Optional, Union

from ..app.current import Current
from ..app.state import state_of
from ..errors import ReplayUnavailable, StreamTimeout
from ..exceptions.error_info import error_info_of
from ..formats import Format
from ..log import log
from ..records import Ending
from ..replay.base import Reading, ReplayStorage, StreamHead
from ..replay.expected import STOPPED, Expected, expect, expected_of
from ..replay.numbering import with_ending_ids
from ..runtime.looks import looks
from ..runtime.mutex import wakeup_of_the_caller
from ..runtime.wakeup import Wakeup
from ..stream.ids import ended_id
from ..stream.options import StreamOptions
from ..stream.resumable import resumable_format
from ..stream.stream import Stream
from .replays import ReplayedFormat, ReplaySource, reading_stream

LOOK_SECONDS = (0.02, 0.5)
"""The pauses between two looks for the beginning."""


def new_expected(format: Format, owner: str, seconds: float) -> Expected:
    """The note about a stream of this format.

    :param format: the format, with the stream's ID. A copy of it makes the frames.
    :param owner: a digest of its owner; ``""``: the ID alone is the right to it.
    :param seconds: how long a reader waits for its beginning.
    """
    stream_id = format.stream_id
    late = StreamTimeout(f"The answer did not begin within {seconds:g} seconds.")
    failure = error_info_of(late, stream_id)
    # A format may note that it was asked for an end. So copies are asked.
    too_late: bytes = copy(format).failure(failure, ended_id(stream_id))
    cancelled: bytes = copy(format).ending(Ending("cancelled"), ended_id(stream_id))
    return Expected(
        owner,
        format.content_type,
        dict(format.headers),
        late=with_ending_ids(too_late, stream_id).decode(),
        cancelled=with_ending_ids(cancelled, stream_id).decode(),
        seconds=seconds,
    )


def awaiting_stream(
    here: Current, stream_id: str, expected: Expected, options: StreamOptions
) -> Stream:
    """Make the stream of a reader of a stream that has yet to begin.

    :param options: as of :func:`~.replays.replay_stream`.
    """
    source = AwaitedSource(state_of(here.app).replay, stream_id, expected)
    head = StreamHead(expected.owner, expected.content_type, headers=expected.headers)
    format = ReplayedFormat(head, is_whole=False)
    format.stream_id = stream_id
    return reading_stream(here, source, format, options)


def expect_stream(
    here: Current, stream_id: str, owner: str, seconds: float, options: StreamOptions
) -> None:
    """Note that a stream is to begin elsewhere.

    :param seconds: as of :func:`new_expected`.
    :raises ConfigurationError: the events of its format can't have IDs.
    :raises ReplayUnavailable: the storage can't be reached.
    """
    format = resumable_format(options, stream_id)
    expect(state_of(here.app).replay, stream_id, new_expected(format, owner, seconds))


class AwaitedSource:
    """Gives the bytes of a stream from the log, once it has begun."""

    def __init__(self, storage: ReplayStorage, stream_id: str, expected: Expected) -> None:
        self._storage = storage
        self._stream_id = stream_id
        self._expected = expected
        self._log: Optional[ReplaySource] = None
        self._wakeup: Optional[Wakeup] = None
        self._is_aborted = False

    @property
    def is_local(self) -> bool:
        """Whether the producer is in this process."""
        return self._log is not None and self._log.is_local

    def __iter__(self) -> Iterator[bytes]:
        with closing(wakeup_of_the_caller()) as wakeup:
            self._wakeup = wakeup
            found = self._found(wakeup)
        if isinstance(found, str):
            yield found.encode()
        elif found is not None:
            self._log = ReplaySource(found, None)
            if not self._is_aborted:  # ``abort`` looks in the other order
                yield from self._log

    def _found(self, wakeup: Wakeup) -> Union[Reading, str, None]:
        """Wait for the beginning.

        :returns: the stream, or the last bytes where it does not begin; ``None``: nobody waits.
        """
        for _ in looks(wakeup, self._expected.seconds, LOOK_SECONDS):
            found = None if self._is_aborted else self._look()
            if found is not None or self._is_aborted:
                return found
        log.warning("stream %s did not begin, and a reader waits no more", self._stream_id)
        return self._expected.late

    def _look(self) -> Union[Reading, str, None]:
        try:
            found = self._storage.read(self._stream_id)
            if found is not None:
                return found
            expected = expected_of(self._storage, self._stream_id)
        except ReplayUnavailable:  # perhaps not for long
            return None
        if expected is not None and expected.state == STOPPED:
            return expected.cancelled
        return None

    def abort(self) -> None:
        """Let the iteration end. Called from anywhere."""
        self._is_aborted = True
        if self._log is not None:
            self._log.abort()
        elif self._wakeup is not None:
            self._wakeup.set()

    def close(self) -> None:
        """The reader has left."""
        if self._log is not None:
            self._log.close()

"""The right of the current request to one stream that is kept: to read it, and to stop it.

The owner of a stream has it, and of a stream that nobody owns whoever has its ID. Without a
request (a command, a task) there is nobody to check.
"""

from __future__ import annotations

from typing import NamedTuple, Optional, Tuple, Union

from ..errors import StreamError, StreamGone, UnknownStream
from ..replay.base import Reading
from ..replay.expected import BEGUN, STOPPED, Expected, expected_of, note_state
from ..stream.ids import is_stream_id
from .current import Current
from .owner import owners_of
from .state import state_of
from .stream_ids import is_signed_for
from .tickets import check_ticket, sent_ticket


class Right(NamedTuple):
    """A right to a stream, as far as its ID shows.

    :ivar owners: the owners for whom the request speaks; ``None``: it may have any stream.
    """

    stream_id: str
    owners: Optional[Tuple[str, ...]]

    def covers(self, owner: str) -> bool:
        """Whether a stream of this owner is among its own. Only without ``SECRET_KEY`` the ID does
        not say so."""
        return self.owners is None or not owner or owner in self.owners


def right_to(here: Current, stream_id: str) -> Right:
    """The right to a stream.

    :raises UnknownStream: this is no stream's ID, or it is another owner's.
    """
    if not is_stream_id(stream_id):
        raise UnknownStream()
    if here.request is None:
        return Right(stream_id, None)
    owners = owners_of(here)
    if not is_signed_for(here.app, stream_id, owners):
        raise UnknownStream()
    return Right(stream_id, owners)


def right_to_read(here: Current, stream_id: str) -> Right:
    """The right to read a stream, which a ticket brings, too.

    :raises UnknownStream: as of :func:`right_to`.
    :raises StreamGone: 410, the ticket has expired.
    """
    ticket = sent_ticket(here.request)
    if not ticket:
        return right_to(here, stream_id)
    try:
        check_ticket(here.app, stream_id, ticket)
    except StreamError:
        try:  # its owner needs none
            return right_to(here, stream_id)
        except UnknownStream:
            pass
        raise
    return Right(stream_id, None)


def find_stream(here: Current, right: Right) -> Union[Reading, Expected]:
    """A stream in the storage, to be read; the note about it, where it has yet to begin.

    :raises UnknownStream: it is another owner's.
    :raises StreamGone: 410, it is kept no more.
    """
    storage = state_of(here.app).replay
    reading = storage.read(right.stream_id)
    if reading is None:
        expected = expected_of(storage, right.stream_id)
        if expected is not None and expected.state == BEGUN:  # perhaps between the two looks
            reading = storage.read(right.stream_id)
        if reading is None:
            return _expected(expected, right)
    if not right.covers(reading.head.owner):
        reading.close()
        raise UnknownStream()
    return reading


def _expected(expected: Optional[Expected], right: Right) -> Expected:
    if expected is None or (expected.state == BEGUN and right.covers(expected.owner)):
        raise StreamGone("This answer is kept no more.", code="expired")
    if not right.covers(expected.owner):
        raise UnknownStream()
    return expected


def stop_stream(here: Current, right: Right) -> None:
    """Stop a stream. One that has ended stays as it is; one that has yet to begin does not begin.

    :raises StreamError: within a request, as of :func:`find_stream`. Other code may know of a
        stream that the storage has not heard of.
    """
    storage = state_of(here.app).replay
    try:
        found = find_stream(here, right)
        if not isinstance(found, Expected):
            found.close()
    except StreamGone:
        if here.request is not None:
            raise
    storage.stop(right.stream_id)
    note_state(storage, right.stream_id, STOPPED)

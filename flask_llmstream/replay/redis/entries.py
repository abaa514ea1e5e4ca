"""The entries of a stream's events in Redis. An entry's ID is ``<run>-<number>``, with the number
of its last event. Its fields are events, by their numbers.

Redis refuses an ID that is not greater than the last one. So nothing that an old run still sends is
kept once a new run has begun. An entry may repeat numbers of the one before it, where a producer
could not know whether that had arrived.
"""

from __future__ import annotations

from typing import Any, Iterator, List, NamedTuple, Optional, Tuple

from ..event_log import End
from .texts import to_text

END = 2**64 - 1
"""The number of a run's last entry: Redis keeps none behind it."""

BEGIN_FIELD = b"begin"
END_FIELD = b"end"
FRAME_FIELD = b"frame"
LAST_FIELD = b"last"


class Position(NamedTuple):
    """A place in the entries of a stream.

    :ivar run: the number of the run.
    :ivar number: the number of an event; 0: the run has begun; :data:`END`: it has ended.
    """

    run: int
    number: int

    @property
    def id(self) -> bytes:
        """The ID of the entry."""
        return b"%d-%d" % self

    @property
    def is_end(self) -> bool:
        """Whether the run has ended here."""
        return self.number == END


class Entry(NamedTuple):
    """One entry.

    :ivar events: events with their numbers, in order.
    :ivar token: the value of the run's lease, where this is its beginning.
    :ivar reason: the reason of the run's end; ``None`` for an entry before the end.
    :ivar frame: the last bytes of the run.
    :ivar last: the number of the run's last event, where this is its end.
    """

    position: Position
    events: List[Tuple[int, bytes]]
    token: bytes = b""
    reason: Optional[str] = None
    frame: bytes = b""
    last: int = 0


def position_of(entry_id: bytes) -> Position:
    """The position that an entry's ID names."""
    run, _, number = entry_id.partition(b"-")
    return Position(int(run), int(number))


def entries_of(reply: Any) -> Iterator[Entry]:
    """The entries in a reply of Redis: pairs of an ID and a list of fields and values."""
    for entry_id, fields in reply or ():
        yield _entry(position_of(entry_id), list(zip(fields[::2], fields[1::2])))


def _entry(position: Position, pairs: List[Tuple[bytes, bytes]]) -> Entry:
    events = [(int(field), value) for field, value in pairs if field.isdigit()]
    named = dict(pairs)
    if not position.is_end:
        return Entry(position, events, named.get(BEGIN_FIELD, b""))
    reason = to_text(named.get(END_FIELD, b"error"))
    last = named.get(LAST_FIELD, b"")
    number = int(last) if last.isdigit() else 0
    return Entry(position, events, b"", reason, named.get(FRAME_FIELD, b""), number)


def fields_of(first: int, events: List[bytes]) -> List[Any]:
    """The fields and values of events.

    :param first: the number of the first of them.
    """
    fields: List[Any] = []
    for number, event in enumerate(events, first):
        fields += (b"%d" % number, event)
    return fields


def fields_of_end(end: End) -> List[Any]:
    """The fields and values of a run's end."""
    return [END_FIELD, end.reason, FRAME_FIELD, end.frame, LAST_FIELD, end.number]

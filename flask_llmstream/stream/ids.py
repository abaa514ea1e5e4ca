"""A stream's ID, and the event IDs of its events. A reader who comes back sends the last.

Standard library only, no I/O.
"""

from __future__ import annotations

import os
import re
from typing import NamedTuple, Optional

STREAM_ID = r"[A-Za-z0-9_-]{32}"
"""The pattern of a stream's ID."""

_STREAM_ID = re.compile(STREAM_ID)
_EVENT_ID = re.compile(
    rf"({STREAM_ID}):(?:ended|end\.([1-9]\d{{0,3}})|(?:([1-9]\d{{0,8}})\.)?(0|[1-9]\d{{0,15}}))",
    re.ASCII,
)


class LastEvent(NamedTuple):
    """The last event that a reader has received.

    :ivar stream_id: the ID of its stream.
    :ivar number: its number; 0 for the opening; ``None`` for an event of the end.
    :ivar run: the number of the run that it is of.
    :ivar of_ending: the number of an event of the end; ``None`` for the last event of all.
    """

    stream_id: str
    number: Optional[int]
    run: int = 1
    of_ending: Optional[int] = None

    @property
    def is_last(self) -> bool:
        """Whether nothing follows it."""
        return self.number is None and self.of_ending is None


def new_stream_id() -> str:
    """An ID for a stream, which can't be guessed."""
    return os.urandom(16).hex()


def is_stream_id(text: object) -> bool:
    """Whether it may be the ID of a stream."""
    return isinstance(text, str) and _STREAM_ID.fullmatch(text) is not None


def opening_id(stream_id: str) -> str:
    """The last event ID of a reader who has seen the opening and no more."""
    return f"{stream_id}:0"


def ended_id(stream_id: str) -> str:
    """The last event ID of a reader who has seen the end."""
    return f"{stream_id}:ended"


def last_event_of(last_event_id: str) -> Optional[LastEvent]:
    """What an event ID says; ``None`` where it is none of a stream's own."""
    ours = _EVENT_ID.fullmatch(last_event_id)
    if ours is None:
        return None
    stream_id, of_ending, run, number = ours.groups()
    if number is None:
        return LastEvent(stream_id, None, of_ending=int(of_ending) if of_ending else None)
    return LastEvent(stream_id, int(number), int(run or 1))

"""Frames become events, each with an ID of its own.

A format may give several events as one frame. If only the last of them had an ID, a connection that
breaks between them would bring the first ones again.
"""

from __future__ import annotations

from typing import List, Tuple

_BLANK = b"\n\n"


def split_opening(frame: bytes) -> Tuple[bytes, bytes]:
    """The first event of a stream's opening, and the events behind it, which are numbered."""
    first, blank, rest = frame.partition(_BLANK)
    return first + blank, rest


def with_ending_ids(frame: bytes, stream_id: str) -> bytes:
    """The events of a stream's end, each with an ID: the last has ``<stream>:ended``, those before
    it ``<stream>:end.1`` and so on.

    :param frame: one event of it may have the ID of the end already.
    """
    ended = b"id: %b:ended\n" % stream_id.encode()
    events = split_events(frame.replace(ended, b""))
    before = [
        b"%bid: %b:end.%d\n\n" % (event[:-1], stream_id.encode(), number)
        for number, event in enumerate(events[:-1], 1)
    ]
    return b"".join(before + [event[:-1] + ended + b"\n" for event in events[-1:]])


def ending_behind(frame: bytes, number: int) -> bytes:
    """The events of a stream's end behind one of them."""
    return b"".join(split_events(frame)[number:])


def split_events(frame: bytes) -> List[bytes]:
    """The events of a frame, each with its blank line."""
    return [part.rstrip(b"\n") + _BLANK for part in frame.split(_BLANK) if part.strip(b"\n")]


class Numbering:
    """Gives the events of one run their IDs.

    :param stream_id: the stream's ID. It is text without line breaks.
    :param run: the number of the run, from 1 on.
    """

    __slots__ = ("_before", "_last")

    def __init__(self, stream_id: str, run: int = 1) -> None:
        self._before = f"id: {stream_id}:{'' if run == 1 else f'{run}.'}".encode()
        self._last = 0

    def events(self, frame: bytes) -> List[bytes]:
        """The events of a frame, with their IDs.

        :param frame: what a format gives for one item. No event of it has an ID.
        """
        if frame.find(_BLANK) == len(frame) - 2:
            return [self._numbered(frame[:-1])]
        return [self._numbered(event[:-1]) for event in split_events(frame)]

    def _numbered(self, lines: bytes) -> bytes:
        self._last = number = self._last + 1
        return b"%b%b%d\n\n" % (lines, self._before, number)

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
    """The events of a frame, each with its blank line, and each line with one line feed."""
    if b"\r" in frame:
        frame = frame.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
    if 2 < len(frame) == frame.find(_BLANK) + 2:
        return [frame]
    return [part + _BLANK for part in (each.strip(b"\n") for each in frame.split(_BLANK)) if part]


class Numbering:
    """Gives the events of one run their IDs, many at a time.

    :param stream_id: the stream's ID. It is text without line breaks.
    :param run: the number of the run, from 1 on.
    """

    __slots__ = ("_before",)

    def __init__(self, stream_id: str, run: int = 1) -> None:
        self._before = f"\nid: {stream_id}:{'' if run == 1 else f'{run}.'}".encode()

    def number(self, events: bytes, first: int) -> Tuple[bytes, int]:
        """Give events their IDs.

        :param events: events as of :func:`split_events`, joined. None has an ID.
        :param first: the number of the first of them.
        :returns: the events with their IDs, and the number of the next event.
        """
        lines = events.split(_BLANK)
        lines.pop()  # behind the last blank line is nothing
        stop = first + len(lines)
        if stop - first <= _THOUSAND - first % _THOUSAND:
            return self._numbered(lines, first), stop
        cuts = [first, *range(first - first % _THOUSAND + _THOUSAND, stop, _THOUSAND), stop]
        parts = (lines[start - first : end - first] for start, end in zip(cuts, cuts[1:]))
        return b"".join(map(self._numbered, parts, cuts)), stop

    def number_each(self, events: List[bytes], first: int) -> List[bytes]:
        """As :meth:`number`, for a few events, each by itself."""
        before = self._before
        return [b"%b%b%d\n\n" % (one[:-2], before, at) for at, one in enumerate(events, first)]

    def _numbered(self, lines: List[bytes], first: int) -> bytes:
        """Number events whose numbers have their thousands in common."""
        count = len(lines)
        thousands, start = divmod(first, _THOUSAND)
        before = self._before + b"%d" % thousands if thousands else self._before
        parts = [before] * (3 * count)
        parts[::3] = lines
        parts[2::3] = (_PADDED if thousands else _UNPADDED)[start : start + count]
        return b"".join(parts)


_THOUSAND = 1000
_UNPADDED = [b"%d\n\n" % number for number in range(_THOUSAND)]
_PADDED = [b"%03d\n\n" % number for number in range(_THOUSAND)]
"""The ends of numbers, which are made once: to make a number for each event takes four times as
long as all else here."""

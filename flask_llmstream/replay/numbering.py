"""Frames become events, each with an ID of its own.

A format may give several events as one frame. If only the last of them had an ID, a connection that
breaks between them would bring the first ones again.
"""

from __future__ import annotations

from typing import List

_BLANK = b"\n\n"


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
        return [self._numbered(part.rstrip(b"\n") + b"\n") for part in frame.split(_BLANK) if part]

    def _numbered(self, lines: bytes) -> bytes:
        self._last = number = self._last + 1
        return b"%b%b%d\n\n" % (lines, self._before, number)

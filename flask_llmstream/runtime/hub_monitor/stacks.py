"""Who a thread's frames belong to: its greenlets are told apart by the outermost.

Floor 1: standard library only. No frame is kept, which would keep all that it holds.
"""

from __future__ import annotations

from types import FrameType
from typing import Iterator, Optional


def callers(frame: Optional[FrameType]) -> Iterator[FrameType]:
    """A frame and those that called it, from the inside out."""
    while frame is not None:
        yield frame
        frame = frame.f_back


def outermost(frame: Optional[FrameType]) -> Optional[FrameType]:
    """What its thread or greenlet began with."""
    for frame in callers(frame):
        pass
    return frame


def began_by(frame: FrameType) -> str:
    """The function of somebody's that its thread or greenlet began with."""
    outside_in = list(callers(frame))[::-1]
    theirs = (one.f_code.co_name for one in outside_in if not _is_of_the_machinery(one))
    return next(theirs, frame.f_code.co_name)


def place_of(frame: FrameType) -> str:
    """The line that is being executed."""
    return f"{frame.f_code.co_filename}:{frame.f_lineno} in {frame.f_code.co_name}"


def _is_of_the_machinery(frame: FrameType) -> bool:
    name = str(frame.f_globals.get("__name__", ""))
    return name == "threading" or name.split(".")[0] == "gevent"

"""What a thread's frames show: the outermost frame identifies the greenlet that runs.

Standard library only. No frame is kept, as it would keep alive everything that it refers to.
"""

from __future__ import annotations

from types import FrameType
from typing import Iterator, Optional


def callers(frame: Optional[FrameType]) -> Iterator[FrameType]:
    """A frame, its caller, and so on: from the inside out."""
    while frame is not None:
        yield frame
        frame = frame.f_back


def outermost(frame: Optional[FrameType]) -> Optional[FrameType]:
    """The frame with which its thread or greenlet began."""
    for frame in callers(frame):
        pass
    return frame


def began_by(frame: FrameType) -> str:
    """The name of the function with which its thread or greenlet began, without the functions of
    ``threading`` and gevent."""
    outside_in = list(callers(frame))[::-1]
    names = (one.f_code.co_name for one in outside_in if not _is_of_the_machinery(one))
    return next(names, frame.f_code.co_name)


def place_of(frame: FrameType) -> str:
    """The line that a frame executes."""
    return f"{frame.f_code.co_filename}:{frame.f_lineno} in {frame.f_code.co_name}"


def _is_of_the_machinery(frame: FrameType) -> bool:
    name = str(frame.f_globals.get("__name__", ""))
    return name == "threading" or name.split(".")[0] == "gevent"

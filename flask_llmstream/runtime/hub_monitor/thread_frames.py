"""The frames that the process's native threads execute now, without a deadlock on Python 3.11."""

from __future__ import annotations

import gc
import os
import sys
from types import FrameType
from typing import Dict

from ..threads import allocate_lock, get_ident

_MAY_COLLECT = sys.version_info[:2] == (3, 11)
"""CPython 3.11 makes frame objects while it holds the lock for starting and ending threads. A
collection at that moment may run any code, and so lets other threads run. A thread that then starts
another one waits for ever, while it holds the GIL."""

_asking = allocate_lock()


def thread_frames() -> Dict[int, FrameType]:
    """The frame that each other native thread executes now, by the thread's identifier.

    The caller's own frame is left out. If the caller kept the result in a variable, that frame
    would refer to itself: a cycle that only gc would free, with all that the other frames refer to.
    """
    frames = _without_collecting() if _MAY_COLLECT else sys._current_frames()
    frames.pop(get_ident(), None)
    return frames


def _without_collecting() -> Dict[int, FrameType]:
    _asking.acquire()  # so that no other caller enables gc again meanwhile
    collects = gc.isenabled()
    gc.disable()
    try:
        return sys._current_frames()
    finally:
        if collects:
            gc.enable()
        _asking.release()


if hasattr(os, "register_at_fork"):  # so that a child collects as its parent does
    os.register_at_fork(
        before=_asking.acquire,
        after_in_parent=_asking.release,
        after_in_child=_asking.release,
    )

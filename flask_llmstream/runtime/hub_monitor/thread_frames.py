"""What the process's threads execute, asked for without harm.

Floor 2: gevent.
"""

from __future__ import annotations

import gc
import os
import sys
from types import FrameType
from typing import Dict

from ..threads import allocate_lock, get_ident

_MAY_COLLECT = sys.version_info[:2] == (3, 11)
"""CPython 3.11 makes frame objects while it holds the lock that it starts and ends threads with. A
collection that this sets off runs anybody's code, which lets other threads run, and the first of
them that starts another waits for ever, with the interpreter's own lock in its hands."""

_asking = allocate_lock()


def thread_frames() -> Dict[int, FrameType]:
    """What each other native thread executes now, by its identifier.

    The caller's own is left out: whoever keeps these in a variable is kept by it, with all that the
    other threads have at hand, a cycle that only gc would free.
    """
    frames = _without_collecting() if _MAY_COLLECT else sys._current_frames()
    frames.pop(get_ident(), None)
    return frames


def _without_collecting() -> Dict[int, FrameType]:
    _asking.acquire()  # so that no other who asks has it collect again meanwhile
    collects = gc.isenabled()
    gc.disable()
    try:
        return sys._current_frames()
    finally:
        if collects:
            gc.enable()
        _asking.release()


if hasattr(os, "register_at_fork"):  # a child collects as its parent does
    os.register_at_fork(
        before=_asking.acquire,
        after_in_parent=_asking.release,
        after_in_child=_asking.release,
    )

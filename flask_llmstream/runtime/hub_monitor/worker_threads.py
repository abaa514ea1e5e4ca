"""``WorkerThreads``: the threads of ``worker="thread"``, and what else computes on them.

Floor 2: gevent. What a producer there starts in a patched ``threading.Thread`` is a greenlet of
the thread's own hub: while it computes, the producer that waits for it doesn't move.
"""

from __future__ import annotations

import sys
from contextlib import contextmanager
from types import FrameType
from typing import Callable, Dict, Iterator, NamedTuple, Optional

from gevent.hub import Hub

from ..threads import get_ident
from .stacks import began_by, outermost, place_of
from .suspects import Suspects
from .thread_frames import thread_frames

_LOOKS = 4
"""The last so many looks count: their greenlet keeps a thread of its own for about a second."""


class ThreadBlocker(NamedTuple):
    """What was seen computing where a producer waits for it.

    :ivar who: what the log calls it.
    :ivar place: the line that was being executed.
    :ivar share: the part of the last looks that saw it.
    """

    who: str
    place: str
    share: float


class _Worker:
    """One thread: the name of its source, the frame that it began with, who was seen on it."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.began_with = id(outermost(sys._getframe()))  # which lives as long as the thread
        self.suspects = Suspects(pause=0, looks=_LOOKS)


class WorkerThreads:
    """Those of one hub's readers."""

    def __init__(self) -> None:
        self._workers: Dict[int, _Worker] = {}

    @contextmanager
    def watched(self, name: str) -> Iterator[None]:
        """Have the current thread looked at, as the one of this source."""
        thread_id = get_ident()
        self._workers[thread_id] = _Worker(name)
        try:
            yield
        finally:
            del self._workers[thread_id]

    def look(self, tell: Callable[[ThreadBlocker], None]) -> None:
        """Look at each, from another thread.

        :param tell: called with who was there in most of the last looks.
        """
        if not self._workers:
            return
        frames = thread_frames()
        for thread_id, worker in list(self._workers.items()):
            blocker = _seen(worker, frames.get(thread_id))
            if blocker is not None and blocker.share:
                tell(blocker)


def _seen(worker: _Worker, frame: Optional[FrameType]) -> Optional[ThreadBlocker]:
    if frame is None or _is_its_own(worker, frame):
        worker.suspects.saw(None)
        return None
    who = f"something that is not the generator of {worker.name} ({began_by(frame)})"
    return ThreadBlocker(who, place_of(frame), worker.suspects.saw(who))


def _is_its_own(worker: _Worker, frame: FrameType) -> bool:
    """Does the producer run there, or wait natively, or does the thread's hub wait?"""
    began = outermost(frame)
    return id(began) == worker.began_with or (began and began.f_code) is Hub.run.__code__

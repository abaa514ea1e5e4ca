"""``WorkerThreads``: the native threads of ``worker="thread"``, and other code that computes there.

A patched ``threading.Thread`` that a producer starts there is a greenlet of that thread's own hub.
While it computes, the producer that waits for it does not move.
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
"""How many of the last looks count: about a second."""


class ThreadBlocker(NamedTuple):
    """Code that was seen computing on a producer's thread, while the producer waits for it.

    :ivar name: its name in the log.
    :ivar place: the line that it executed.
    :ivar share: the share of the last looks that saw it; 0 unless it is most of them.
    """

    name: str
    place: str
    share: float


class _Worker:
    """One thread: the name of its source, its outermost frame, and the code that was seen there."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.began_with = id(outermost(sys._getframe()))  # this frame lives as long as the thread
        self.suspects = Suspects(pause=0, looks=_LOOKS)


class WorkerThreads:
    """The threads of the producers whose readers run on one hub."""

    def __init__(self) -> None:
        self._workers: Dict[int, _Worker] = {}

    @contextmanager
    def watched(self, name: str) -> Iterator[None]:
        """Look at the current thread within this block.

        :param name: the name of its source.
        """
        thread_id = get_ident()
        self._workers[thread_id] = _Worker(name)
        try:
            yield
        finally:
            del self._workers[thread_id]

    def look(self, warn: Callable[[ThreadBlocker], None]) -> None:
        """Look at each thread. Called on another thread.

        :param warn: called with the code that most of the last looks at a thread saw.
        """
        if not self._workers:
            return
        frames = thread_frames()
        for thread_id, worker in list(self._workers.items()):
            blocker = _seen(worker, frames.get(thread_id))
            if blocker is not None and blocker.share:
                warn(blocker)


def _seen(worker: _Worker, frame: Optional[FrameType]) -> Optional[ThreadBlocker]:
    if frame is None or _is_its_own(worker, frame):
        worker.suspects.saw(None)
        return None
    name = f"something that is not the generator of {worker.name} ({began_by(frame)})"
    return ThreadBlocker(name, place_of(frame), worker.suspects.saw(name))


def _is_its_own(worker: _Worker, frame: FrameType) -> bool:
    """Whether the producer itself runs, or waits natively, or the thread's hub waits."""
    began = outermost(frame)
    return id(began) == worker.began_with or (began and began.f_code) is Hub.run.__code__

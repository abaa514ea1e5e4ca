"""``Senders``: any number of greenlets and threads that send into one channel, one at a time.

Floor 2: gevent.
"""

from __future__ import annotations

from collections import deque
from typing import Callable, Deque, Optional

import gevent
from gevent.monkey import get_original

from .channel import Wakeup
from .wakeup import CrossThreadWakeup, ThreadWakeup
from .worker import on_greenlet

_allocate_lock = get_original("_thread", "allocate_lock")


class Senders:
    """The producer's side of a channel that many may call: its ``writable``, and whose turn it is.

    The turn is held for the few steps of a send and never while one waits: :meth:`wait`, which the
    channel calls inside of a turn, gives the turn back meanwhile. So neither a greenlet nor a
    native thread ever blocks the other, and each sender's items keep their order.

    :param may_wait: called before anybody waits; raises where that would be for ever.
    :ivar turn: an original lock, to hold while the channel is sent to.
    """

    __slots__ = ("turn", "_waiting", "_was_set", "_may_wait")

    def __init__(self, may_wait: Callable[[], None]) -> None:
        self.turn = _allocate_lock()
        self._waiting: Deque[Wakeup] = deque()
        self._was_set = False
        self._may_wait = may_wait

    def set(self) -> None:
        """There is room: whoever waits looks again."""
        self._was_set = True  # before the look at who waits; a waiter looks the other way round
        while self._waiting:
            self._waiting.popleft().set()

    def wait(self, timeout: Optional[float] = None) -> bool:
        """Wait until there may be room, on whatever calls. Only within a turn."""
        self._may_wait()
        wakeup = _wakeup_of_the_caller()
        self._waiting.append(wakeup)
        if not self._was_set:
            self.turn.release()
            try:
                wakeup.wait()
            finally:  # also of a greenlet that is killed here
                self.turn.acquire()
                wakeup.close()
        self._was_set = False
        return True

    def close(self) -> None:
        """Nothing to let go of."""


def _wakeup_of_the_caller() -> Wakeup:
    # A native thread of a patched process (an SDK's own, say) has no hub, and must not get one.
    has_hub = gevent._hub_local.get_hub_if_exists() is not None
    return CrossThreadWakeup() if has_hub and on_greenlet() else ThreadWakeup()

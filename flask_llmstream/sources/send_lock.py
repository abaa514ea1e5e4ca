"""``SendLock``: many greenlets and threads send into one channel, one at a time."""

from __future__ import annotations

import weakref
from typing import Any, Callable, List, Optional

from gevent import getcurrent

from ..errors import StreamNotStarted
from ..runtime.atomic import try_pop
from ..runtime.mutex import Mutex, wakeup_of_the_caller
from ..runtime.wakeup import Wakeup


class SendLock:
    """The ``writable`` of a channel with many senders. At any moment one of them is its producer.

    A sender keeps the turn while it waits for room. So the channel has one producer at a time, and
    the items of each sender keep their order.

    :param is_read: tells whether the channel's reader has begun to read.
    :param wakeup: makes the wakeup that its caller can wait on.
    :ivar turn: the mutex to hold while sending to the channel.
    """

    __slots__ = ("turn", "_is_read", "_wakeup", "_creator", "_was_set", "_waiting")

    def __init__(
        self,
        is_read: Callable[[], bool],
        wakeup: Callable[[], Wakeup] = wakeup_of_the_caller,
    ) -> None:
        self.turn = Mutex(wakeup)
        self._wakeup = wakeup
        self._is_read = is_read
        # Weak: greenlet 2.0 to 3.5.6 may free the greenlet object of a native thread that ends,
        # although there is a reference to it. It looks for references with gc.get_referrers() (its
        # issue 262), which overlooks garbage that is being collected. gc then crashes the process.
        # So it is compared with another weak reference: none of ours is made strong.
        self._creator: Any = weakref.ref(getcurrent())
        self._was_set = False
        self._waiting: List[Wakeup] = []  # at most one: of the sender that has the turn

    def set(self) -> None:
        """There is room, or the end: wake the sender that waits for room."""
        self._was_set = True  # before the look at the waiting; ``wait`` looks in the other order
        wakeup = try_pop(self._waiting)
        if wakeup is not None:
            wakeup.set()

    def wait(self, timeout: Optional[float] = None) -> bool:
        """Wait until there may be room. Only the sender that has the turn may call it."""
        wakeup = self._wakeup()
        self._waiting.append(wakeup)
        try:
            self.check()
            if not self._is_read():
                self.turn.wake_all()
            if not self._was_set:
                wakeup.wait()
        finally:
            self._waiting.clear()
            wakeup.close()
        self._was_set = False
        return True

    def check(self) -> None:
        """Refuse to wait where waiting can't end.

        :raises StreamNotStarted: no reader has begun, and the caller made the channel: it has yet
            to return the response.
        """
        if self._waiting and not self._is_read() and weakref.ref(getcurrent()) == self._creator:
            raise StreamNotStarted(
                "nobody reads yet, and this is who has to return the response first: send less "
                "before, send from another greenlet or thread, or say overflow='buffer'"
            )

    def end(self) -> None:
        """The channel has been closed: wake all senders that wait for their turn."""
        self._creator = None
        self.turn.wake_all()

    def close(self) -> None:
        """There is nothing to release."""

"""``SendLock``: any number of greenlets and threads that send into one channel, one at a time.

Floor 2: gevent.
"""

from __future__ import annotations

from typing import Any, Callable, List, Optional

from gevent import getcurrent

from ..errors import StreamNotStarted
from ..runtime.atomic import try_pop
from ..runtime.mutex import Mutex, wakeup_of_the_caller
from ..runtime.wakeup import Wakeup


class SendLock:
    """The ``writable`` of a channel that many may send to: at any moment one of them is its
    producer.

    Who has the turn keeps it also while it waits for room. So a channel, which is made for one
    producer, has one, and each sender's items keep their order.

    :param is_read: whether the channel's reader has begun to read.
    :param wakeup: makes what whoever calls can wait on.
    :ivar turn: to hold while the channel is sent to.
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
        self._creator: Any = getcurrent()
        self._was_set = False
        self._waiting: List[Wakeup] = []  # at most one: of who has the turn

    def set(self) -> None:
        """There is room, or an end: who waits for room looks again."""
        self._was_set = True  # before the look at who waits, who looks the other way round
        wakeup = try_pop(self._waiting)
        if wakeup is not None:
            wakeup.set()

    def wait(self, timeout: Optional[float] = None) -> bool:
        """Wait until there may be room, on whatever calls. Only in one's turn."""
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
        """Whether waiting, for room or for the turn of one who waits for room, is of any use.

        :raises StreamNotStarted: nobody reads yet, and the caller is who made the channel.
        """
        if self._waiting and not self._is_read() and getcurrent() is self._creator:
            raise StreamNotStarted(
                "nobody reads yet, and this is who has to return the response first: send less "
                "before, send from another greenlet or thread, or say overflow='buffer'"
            )

    def end(self) -> None:
        """The channel has been closed: who waits for their turn learns of it at once."""
        self._creator = None
        self.turn.wake_all()

    def close(self) -> None:
        """Nothing to let go of."""

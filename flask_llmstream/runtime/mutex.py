"""``Mutex``: a lock that greenlets and native threads share, and may hold while they wait.

An original lock must not be held so: if its greenlet switches, the next greenlet of the same thread
that wants the lock blocks that thread for ever.
"""

from __future__ import annotations

from typing import Callable, List

import gevent

from .atomic import try_pop
from .event_loop.greenlet import loop_greenlet
from .runtime import on_greenlet
from .wakeup import Wakeup
from .wakeups import CrossThreadWakeup, ThreadWakeup


def wakeup_of_the_caller() -> Wakeup:
    """A wakeup on which the caller can wait: a greenlet through its hub, a native thread by itself,
    and a coroutine's plain code on the event loop through its task."""
    if loop_greenlet() is not None:
        from .event_loop.worker import LoopWakeup  # asyncio, which is loaded by now

        return LoopWakeup()
    # In a patched process a native thread (an SDK's own, say) has no hub, and must not get one.
    has_hub = gevent._hub_local.get_hub_if_exists() is not None
    return CrossThreadWakeup() if has_hub and on_greenlet() else ThreadWakeup()


class Mutex:
    """A lock for greenlets and native threads. Each waits in its own way.

    A release wakes the first in the line of waiters. It takes the lock, unless another
    caller was quicker. After that has happened to it once, the lock is handed over to it. Handing
    over each time would cost a switch of threads each time.

    On the path of a token :meth:`acquire` and :meth:`release` are written out: each is one atomic
    call where nobody waits.

    :param wakeup: makes a wakeup on which the caller can wait.
    :ivar free: holds one token while nobody has the lock.
    :ivar line: the places of the waiters, the longest wait first.
    """

    __slots__ = ("free", "line", "_wakeup")

    def __init__(self, wakeup: Callable[[], Wakeup] = wakeup_of_the_caller) -> None:
        self._wakeup = wakeup
        self.free = [True]
        self.line: List[_Place] = []

    def acquire(self) -> None:
        """Take the lock, and wait for it if necessary."""
        try:
            self.free.pop()
        except IndexError:
            self.wait()

    def release(self) -> None:
        """Give the lock back, and wake the first in the line."""
        self.free.append(True)  # before the look at the line; ``wait`` has the opposite order
        if self.line:
            self.pass_on()

    def wait(self, check: Callable[[], object] = bool) -> None:
        """Take the lock when it is free, in the order of the line.

        :param check: called before each wait. It raises where the wait has become useless.
        """
        place = _Place(self._wakeup())
        self.line.append(place)
        try:
            self.pass_on()
            while not place.is_next:
                check()
                place.wakeup.wait()
                self._try(place)
        except BaseException:  # also GreenletExit, where a greenlet is killed here
            self._leave(place)
            raise
        finally:
            place.wakeup.close()

    def pass_on(self) -> None:
        """If the lock is free, wake the first in the line, or hand the lock over to it."""
        while self.free and self.line:
            try:
                first = self.line[0]
            except IndexError:  # the line has become empty
                continue
            if first.was_too_slow:
                if self._give():
                    return
            elif first.wake():
                return

    def wake_all(self) -> None:
        """Wake everybody in the line, so that each calls its ``check`` again."""
        for place in self.line.copy():
            place.reach()

    def _try(self, place: _Place) -> None:
        if try_pop(self.free):
            place.is_next = True
            self.line.remove(place)
        else:
            place.was_too_slow = True  # before the look; a release looks at it afterwards
            self.pass_on()

    def _give(self) -> bool:
        if not try_pop(self.free):
            return False
        try:
            place = self.line.pop(0)
        except IndexError:
            self.free.append(True)
            return False
        place.is_next = True
        reached = place.reach()
        if not reached:
            self.free.append(True)
        return reached

    def _leave(self, place: _Place) -> None:
        try:
            self.line.remove(place)
        except ValueError:  # the lock was handed over to it meanwhile
            self.release()
        else:
            self.pass_on()  # it may have been woken to take the lock


class _Place:
    """One caller's place in the line.

    :ivar was_woken: whether it was woken to take the lock.
    :ivar was_too_slow: whether another caller took the lock first. Then the lock is handed over.
    :ivar is_next: whether it has the lock.
    """

    __slots__ = ("wakeup", "was_woken", "was_too_slow", "is_next")

    def __init__(self, wakeup: Wakeup) -> None:
        self.wakeup = wakeup
        self.was_woken = False
        self.was_too_slow = False
        self.is_next = False

    def wake(self) -> bool:
        """Wake it, once, to take the lock; ``False`` where the lock must be handed over."""
        if not self.was_woken:
            self.was_woken = True
            if not self.reach():
                self.was_too_slow = True
        return not self.was_too_slow

    def reach(self) -> bool:
        """Wake it. ``False`` where its hub was destroyed while it waited."""
        try:
            self.wakeup.set()
        except ValueError:
            return False
        return True

"""``Mutex``: a lock that may be held while anybody's code runs.

Floor 2: gevent. An original lock must not be: a greenlet that switches while it holds one, and the
next of its thread that wants it, freeze the process.
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
    """What whoever calls can wait on: a greenlet through its hub, a native thread by itself, a
    coroutine's plain code on the event loop through its task."""
    if loop_greenlet() is not None:
        from .event_loop.worker import LoopWakeup  # loads asyncio, which is loaded there

        return LoopWakeup()
    # A native thread of a patched process (an SDK's own, say) has no hub, and must not get one.
    has_hub = gevent._hub_local.get_hub_if_exists() is not None
    return CrossThreadWakeup() if has_hub and on_greenlet() else ThreadWakeup()


class Mutex:
    """Whose turn it is, among greenlets and native threads; each waits by its own means.

    Who has waited longest is woken, and has it unless somebody was quicker. That happens to no one
    twice: to hand it over each time would cost a switch of threads each time.

    On the path of a token :meth:`acquire` and :meth:`release` are written out: each is one atomic
    call where nobody waits.

    :param wakeup: makes what whoever calls can wait on.
    :ivar free: holds one token while it is nobody's turn.
    :ivar line: who waits, in the order of their coming.
    """

    __slots__ = ("free", "line", "_wakeup")

    def __init__(self, wakeup: Callable[[], Wakeup] = wakeup_of_the_caller) -> None:
        self._wakeup = wakeup
        self.free = [True]
        self.line: List[_Place] = []

    def acquire(self) -> None:
        """Have the turn."""
        try:
            self.free.pop()
        except IndexError:
            self.wait()

    def release(self) -> None:
        """Let the next have it."""
        self.free.append(True)  # before the look at who waits; who comes looks the other way round
        if self.line:
            self.pass_on()

    def wait(self, check: Callable[[], object] = bool) -> None:
        """Have the turn, in competition with those who wait already.

        :param check: called before each wait; raises where that is of no use (any more).
        """
        place = _Place(self._wakeup())
        self.line.append(place)
        try:
            self.pass_on()
            while not place.is_next:
                check()
                place.wakeup.wait()
                self._try(place)
        except BaseException:  # of a greenlet that is killed here, too
            self._leave(place)
            raise
        finally:
            place.wakeup.close()

    def pass_on(self) -> None:
        """Have who has waited longest take the turn, where nobody has it."""
        while self.free and self.line:
            try:
                first = self.line[0]
            except IndexError:  # who waited has left
                continue
            if first.was_too_slow:
                if self._give():
                    return
            elif first.wake():
                return

    def wake_all(self) -> None:
        """Have everybody who waits ask again whether that is of use."""
        for place in self.line.copy():
            place.reach()

    def _try(self, place: _Place) -> None:
        if try_pop(self.free):
            place.is_next = True
            self.line.remove(place)
        else:
            place.was_too_slow = True  # before the look; who gives the turn back looks after that
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
        except ValueError:  # the turn was given to it meanwhile
            self.release()
        else:
            self.pass_on()  # it may have been woken for it


class _Place:
    """One's place in the line."""

    __slots__ = ("wakeup", "was_woken", "was_too_slow", "is_next")

    def __init__(self, wakeup: Wakeup) -> None:
        self.wakeup = wakeup
        self.was_woken = False
        self.was_too_slow = False
        self.is_next = False

    def wake(self) -> bool:
        """Have it look, once, whether it can have the turn; ``False`` where that is in vain."""
        if not self.was_woken:
            self.was_woken = True
            if not self.reach():
                self.was_too_slow = True
        return not self.was_too_slow

    def reach(self) -> bool:
        """Wake it; ``False`` where its hub was destroyed while it waited."""
        try:
            self.wakeup.set()
        except ValueError:
            return False
        return True

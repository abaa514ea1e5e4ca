"""``Lockstep``: the two sides of a channel on two threads, of which only one runs at a time.

Before each line of the code under test (with some seeds: each opcode) a die decides whether to
switch to the other side. So a race that needs a switch at a certain place is found, and found again
with the same seed.
"""

from __future__ import annotations

import random
import sys
import threading
from typing import Any, Callable, List, Optional

from tests.support.runtimes import HANG_GUARD


class Lockstep:
    """Runs two works, and switches between them.

    :param seed: the seed of the die.
    :param files: the files whose lines are watched.
    """

    def __init__(self, seed: int, files: List[str]) -> None:
        self.die = random.Random(seed)
        self._often = self.die.choice((0.05, 0.2, 0.5))
        self._event = self.die.choice(("opcode", "line", "line"))
        self._files = frozenset(files)
        self._turns = [threading.Semaphore(0), threading.Semaphore(0)]
        self._runs = [True, True]
        self._waits_on: List[Optional[Wakeup]] = [None, None]
        self._failed: Optional[BaseException] = None

    def wakeup(self, side: int) -> Wakeup:
        """A wakeup for this side."""
        return Wakeup(self, side)

    def run(self, *works: Callable[[], Any]) -> None:
        """Run both to the end.

        :raises AssertionError: both wait, and nothing will wake them.
        """
        threads = [
            threading.Thread(target=self._run, args=each, daemon=True) for each in enumerate(works)
        ]
        for thread in threads:
            thread.start()
        self._turns[self.die.randrange(2)].release()
        for thread in threads:
            thread.join(HANG_GUARD)
        if self._failed is not None:
            raise self._failed

    def switch(self, side: int) -> None:
        """Let the other side go on, if it can. Returns at this side's next turn."""
        other = 1 - side
        wakeup = self._waits_on[other]
        if self._runs[other] and (wakeup is None or wakeup.is_set):
            self._turns[other].release()
            self._turns[side].acquire()
        if self._failed is not None:
            raise self._failed

    def wait(self, side: int, wakeup: Wakeup) -> None:
        """Let the other side go on until it has set the wakeup."""
        self._waits_on[side] = wakeup
        if not wakeup.is_set:
            self.switch(side)
        assert wakeup.is_set, f"{('the producer', 'the reader')[side]} waits for ever"
        self._waits_on[side] = None

    def _run(self, side: int, work: Callable[[], Any]) -> None:
        self._turns[side].acquire()
        sys.settrace(lambda frame, event, argument: self._trace(side, frame))
        try:
            work()
        except BaseException as error:
            self._failed = self._failed or error
        finally:
            sys.settrace(None)
            self._runs[side] = False
            self._turns[1 - side].release()

    def _trace(self, side: int, frame: Any) -> Any:
        if frame.f_code.co_filename not in self._files:
            return None
        frame.f_trace_opcodes = self._event == "opcode"
        return lambda frame, event, argument: self._step(side, event)

    def _step(self, side: int, event: str) -> None:
        if event == self._event and self.die.random() < self._often:
            self.switch(side)


class Wakeup:
    """A binary semaphore on which one side waits. The die decides when a timeout has passed."""

    def __init__(self, lockstep: Lockstep, side: int) -> None:
        self._lockstep = lockstep
        self._side = side
        self.is_set = False

    def set(self) -> None:
        self.is_set = True

    def wait(self, timeout: Optional[float] = None) -> bool:
        if timeout is not None and self._lockstep.die.random() < 0.3:
            self._lockstep.switch(self._side)
        else:
            self._lockstep.wait(self._side, self)
        was_set, self.is_set = self.is_set, False
        return was_set

    def close(self) -> None:
        """Nothing to release."""

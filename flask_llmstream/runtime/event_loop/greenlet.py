"""``LoopGreenlet``: where plain code on the event loop's thread waits as if it blocked.

Floor 2: greenlet. Nothing of asyncio's is imported: whoever may wait on one asks for it, also where
nothing is asynchronous.
"""

from __future__ import annotations

from typing import Any, Awaitable, Generator

from greenlet import getcurrent, greenlet


class LoopGreenlet(greenlet):  # type: ignore[misc]
    """Whatever its code waits for it hands to its parent, a task, which awaits that."""

    def wait_for(self, awaitable: Awaitable[Any]) -> Any:
        """The result of what the task awaits. For the code on this greenlet to call."""
        return self.parent.switch(awaitable)

    def give_way(self) -> None:
        """Let the loop go round once."""
        self.wait_for(Step(None))


class Step:
    """One step of another coroutine, to be awaited in its place: what it has yielded."""

    def __init__(self, awaited: Any) -> None:
        self._awaited = awaited

    def __await__(self) -> Generator[Any, Any, Any]:
        return (yield self._awaited)


def loop_greenlet() -> Any:
    """The one that calls; ``None`` elsewhere."""
    current = getcurrent()
    return current if isinstance(current, LoopGreenlet) else None

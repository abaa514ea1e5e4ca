"""``LoopGreenlet``: on it plain code waits on the event loop's thread as if it blocked.

asyncio is not imported here: :func:`loop_greenlet` is also asked where nothing is asynchronous.
"""

from __future__ import annotations

from typing import Any, Awaitable, Generator

from greenlet import getcurrent, greenlet


class LoopGreenlet(greenlet):  # type: ignore[misc]
    """Hands each awaitable to its parent, which runs in a task and awaits it."""

    def wait_for(self, awaitable: Awaitable[Any]) -> Any:
        """Wait for an awaitable, and return its result. For the code on this greenlet."""
        return self.parent.switch(awaitable)

    def give_way(self) -> None:
        """Let the loop go round once."""
        self.wait_for(Step(None))


class Step:
    """Awaits what another coroutine has yielded, in its place.

    :param awaited: the yielded object.
    """

    def __init__(self, awaited: Any) -> None:
        self._awaited = awaited

    def __await__(self) -> Generator[Any, Any, Any]:
        return (yield self._awaited)


def loop_greenlet() -> Any:
    """The current greenlet if it is a :class:`LoopGreenlet`, else ``None``."""
    current = getcurrent()
    return current if isinstance(current, LoopGreenlet) else None

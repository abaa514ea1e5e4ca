"""What a stream needs of the app it runs in, and who else is told of its end.

Ground floor: standard library only, no I/O.
"""

from __future__ import annotations

from typing import Any, Callable, Optional, Protocol

from ..errors import StreamTimeout
from ..records import ErrorInfo, Summary

Work = Callable[[], Optional[BaseException]]
"""What a stream does on its worker. It returns what kept it from completing, ``None`` where
nothing did: with that its contexts are left, and teardown functions are told it."""


class StreamHooks(Protocol):
    """What a stream needs of the app it runs in."""

    @property
    def debug(self) -> bool:
        """Whether a client may be told what really failed."""

    def answer(self, error: BaseException, failure: ErrorInfo) -> Any:
        """The response in place of a stream that failed before its first byte. Called where the
        stream is read."""

    def enter(self, work: Work) -> None:
        """Run ``work`` on this worker, inside the contexts of the view."""

    def run_in_background(self, work: Callable[[], None]) -> None:
        """Run ``work`` in an app context, and log what it raises."""

    def left(self, stream: Any, summary: Summary) -> None:
        """Called on a worker of its own, at once, when the reader has left."""

    def finished(self, stream: Any, summary: Summary) -> None:
        """Called on the worker, inside its contexts, exactly once; logs what has to be logged."""


class Listener(Protocol):
    """Who is told of a stream's end as it happens; none of this blocks, except the last."""

    def timed_out(self, error: StreamTimeout) -> bool:
        """A timer ran out; ``True`` where the listener will end the stream itself."""

    def ended(self, reason: str, error: Optional[BaseException]) -> None:
        """It has ended, its producer perhaps not yet."""

    def finished(self, summary: Summary) -> None:
        """Its finaliser has told everybody else. On the worker, inside its contexts."""

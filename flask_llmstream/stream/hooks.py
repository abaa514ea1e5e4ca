"""What a stream calls: the ``StreamHooks`` of its application, the ``Listener`` of its emitter.

Standard library only, no I/O.
"""

from __future__ import annotations

from typing import Any, Callable, Optional, Protocol

from ..errors import StreamTimeout
from ..records import ErrorInfo, Summary

Work = Callable[[], Optional[BaseException]]
"""The work of a stream on its worker. It returns the exception because of which the stream is not
complete, else ``None``. The contexts are left with that exception: teardown functions get it."""


class StreamHooks(Protocol):
    """What a stream calls of the application that it runs in."""

    @property
    def debug(self) -> bool:
        """Whether a client may see the real exception."""

    def answer(self, error: BaseException, failure: ErrorInfo) -> Any:
        """The response in place of a stream that failed before its first byte. Called on the
        reader's side."""

    def enter(self, work: Work) -> None:
        """Run ``work`` on this worker, inside the contexts of the view."""

    def run_in_background(self, work: Callable[[], None]) -> None:
        """Run ``work`` in an app context, and log what it raises."""

    def left(self, stream: Any, summary: Summary) -> None:
        """The reader has left. Called at once, on a worker of its own."""

    def hears(self, stream: Any) -> bool:
        """Whether anybody hears of the end of this stream, which has ended. If not, ``finished``
        is not called, and nothing is counted for it."""

    def finished(self, stream: Any, summary: Summary) -> None:
        """The producer has ended. Called once, on the worker inside its contexts; logs the end."""


class Listener(Protocol):
    """Hears of a stream's end as it happens. Only ``finished`` may block."""

    def timed_out(self, error: StreamTimeout) -> bool:
        """A timer ran out. ``True``: the listener will end the stream itself."""

    def ended(self, reason: str, error: Optional[BaseException]) -> None:
        """The stream has ended. Its producer may still run."""

    def finished(self, summary: Summary) -> None:
        """All other reports are made. Called on the worker inside its contexts."""

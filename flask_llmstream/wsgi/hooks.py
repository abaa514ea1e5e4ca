"""``WSGIHooks``: the hooks of a stream that the WSGI middleware has made."""

from __future__ import annotations

from typing import Any, Callable

from ..log import log
from ..records import ErrorInfo, Summary
from ..stream.hooks import Work
from ..stream.stream import Stream
from ..telemetry.reporting import is_heard, report, report_departure
from .failure_response import failure_response


class WSGIHooks:
    """Reports a stream to the callbacks of its middleware.

    :param sender: the middleware, as the sender of the signal.
    """

    debug = False

    def __init__(self, sender: object) -> None:
        self._sender = sender

    def answer(self, error: BaseException, failure: ErrorInfo) -> Any:
        """Our own response. The app's error handlers were asked before."""
        return failure_response(failure, {})

    def enter(self, work: Work) -> None:
        """Run ``work`` in the contexts of this worker: the app was called on it."""
        work()

    def run_in_background(self, work: Callable[[], None]) -> None:
        """Run ``work`` without more: there is no app context."""
        work()

    def left(self, stream: Stream, summary: Summary) -> None:
        """Call the middleware's ``on_disconnect``."""
        report_departure(log, stream, summary)

    def hears(self, stream: Stream) -> bool:
        """Whether the callbacks of the middleware, a signal's or the log's reader hear of it."""
        return is_heard(log, stream)

    def finished(self, stream: Stream, summary: Summary) -> None:
        """Report the stream's end."""
        report(self._sender, log, stream, summary)

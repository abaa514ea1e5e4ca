"""``Endable``: a stream for whoever ends it: its source, its reader, a timer, the server.

Floor 2. Called from anywhere, the hub included: none of this blocks.
"""

from __future__ import annotations

import random
from functools import partial
from typing import Any, Callable, Iterable, List, Optional

from ..errors import StreamShutdown, StreamTimeout
from ..formats import Format
from ..log import log
from ..runtime.atomic import claim
from .hooks import StreamHooks
from .options import StreamOptions
from .reported import ReportedOutcome
from .sink import Sink

RECONNECTION_MS = (1000, 5000)
"""Between these a reader's reconnection time after a shutdown is random: not all come at once."""


class Endable(ReportedOutcome):
    """A source with its way to the reader, which both have one end."""

    __slots__ = ("format", "options", "_source", "_worker", "_end_is_pending")

    def __init__(
        self,
        stream_id: str,
        name: str,
        source: Iterable[Any],
        format: Format,
        options: StreamOptions,
        hooks: StreamHooks,
        clock: Callable[[], float],
    ) -> None:
        sink = Sink(name, format, options, clock)
        super().__init__(stream_id, name, hooks, sink, clock)
        self.format = format
        self.options = options
        self._source = source
        self._worker: Any = None
        self._end_is_pending = True

    def end(self, reason: str, error: Optional[BaseException] = None) -> bool:
        """End the stream; ``False`` when it has ended before, for whatever reason that was."""
        if not self._claim(reason, error):
            return False
        # A drain, or a timer, on another thread may come before there is anything to stop.
        if self._worker is not None:
            self._bring_to_an_end(reason, error)
        return True

    def leave(self) -> None:
        """End it, for its reader has left."""
        self.end("disconnect")

    def _bring_to_an_end(self, reason: str, error: Optional[BaseException]) -> None:
        if not claim(self, "_end_is_pending"):  # by who opens it, or by who ends it
            return
        channel, has_left = self.sink.channel, reason == "disconnect"
        steps: List[Callable[[], object]] = []
        steps.append(partial(channel.discard if has_left else channel.close, reason))
        if reason not in ("complete", "error"):
            steps.append(self._stop)
        steps.append(partial(self._tell_of_end, reason, error))
        if has_left and self.options.on_disconnect is not None:
            steps.append(partial(self._start_in_background, self._tell_of_departure))
        self._each(*steps)

    def time_out(self, error: StreamTimeout) -> None:
        """End it, and tell the reader which patience was at its end."""
        if self.reason is not None:  # nobody is told of a timer that came too late
            return
        listener, answered = self._listener, False
        try:
            answered = listener is not None and listener.timed_out(error)
        finally:
            if not answered:
                self.end("timeout", error)

    def shut_down(self) -> None:
        """End it for a reason that is none of the answer's own: the server goes, or the
        connection is to be made anew."""
        message = "The server ended this answer before it was whole. Ask again in a moment."
        self.end("shutdown", StreamShutdown(message, retry=random.randint(*RECONNECTION_MS)))

    def disown(self) -> None:
        """In a forked child: it is the parent's, so nothing ends it here, or what it works with."""
        self._claim("cancelled")

    def break_off(self, error: BaseException) -> None:
        """End it for what only its reader's side has met, and can't send.

        Where its producer had ended before, the reason has been told and stays. Then the reader is
        told of this failure all the same, and the log has it.
        """
        if self.end("error", error):
            self._each(self._stop)
        else:
            self._unsent = error
            log.error(error, "stream %s of %s: its end could not be sent", self.id, self.name)

    def _stop(self) -> None:
        self._worker.stop(self._abort)

    def _abort(self) -> None:
        log.isolated(
            partial(_call, self._source, "abort"), "%s failed when it was aborted", self.name
        )


def close_source(source: Any, name: str) -> None:
    """Close a source that can be closed; what it raises is logged."""
    log.isolated(partial(_call, source, "close"), "%s failed when it was closed", name)


def _call(source: Any, name: str) -> None:
    """Call this method of it, where it has one."""
    method = getattr(source, name, None)
    if method is not None:
        method()

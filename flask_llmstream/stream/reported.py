"""``ReportedOutcome``: who is told how a stream ended.

Floor 2. The app is told by its :class:`StreamHooks`, an emitter as the :class:`Listener`. Each is
told, though telling another raised.
"""

from __future__ import annotations

from functools import partial
from typing import Any, Callable, List, Optional

from ..exceptions.steps import run_all
from ..log import log
from ..records import Summary
from .hooks import Listener, StreamHooks
from .outcome import Outcome
from .sink import Sink

_FAILED = "stream %s of %s: a step of its end failed"


class ReportedOutcome(Outcome):
    """The outcome of a stream, with what is told of it, and how.

    :ivar sink: what its items go through, with the counts.
    """

    __slots__ = ("sink", "_clock", "_started_at", "_listener", "_spawn", "_owed")

    def __init__(
        self,
        stream_id: str,
        name: str,
        hooks: StreamHooks,
        sink: Sink,
        clock: Callable[[], float],
    ) -> None:
        super().__init__(stream_id, name, hooks)
        self.sink = sink
        self._clock = clock
        self._started_at: Optional[float] = None
        self._listener: Optional[Listener] = None
        self._spawn: Any = None
        self._owed: List[Callable[[], object]] = []

    def run_in_background(self, work: Callable[[], None]) -> None:
        """Have ``work`` called soon, on a worker of its own in an app context."""
        self._start_in_background(partial(self._hooks.run_in_background, work))

    def _start_in_background(self, work: Callable[[], object]) -> None:
        """Have it called on a worker of its own; where none can be started, at the producer's
        end."""
        try:
            self._spawn(partial(self._each, work))
        except BaseException:
            log.exception("stream %s of %s: no worker for a callback", self.id, self.name)
            self._owed.append(work)

    def _each(self, *steps: Callable[[], object]) -> None:
        """Do each of these steps of its end. What one raises is logged."""
        run_all(*steps, by=self._isolated)

    def _isolated(self, step: Callable[[], object]) -> None:
        log.isolated(step, _FAILED, self.id, self.name)

    # What is told: that it has ended, that its reader has left, and last that its producer has.

    def _tell_of_end(self, reason: str, error: Optional[BaseException]) -> None:
        if self._listener is not None:
            self._listener.ended(reason, error)

    def _tell_of_departure(self) -> None:
        self._hooks.left(self, self._summary())

    def _tell_of_finish(self) -> None:
        """Tell everybody, on the worker inside its contexts."""
        self._each(*self._owed, *self._reports(self._summary()))

    def _tell_of_finish_beside(self) -> None:
        """Tell everybody of a stream that was open and never ran. It has no worker."""
        run_in_background = self._hooks.run_in_background
        reports = [partial(run_in_background, report) for report in self._reports(self._summary())]
        self._each(*self._owed, *reports)

    def _reports(self, summary: Summary) -> List[Callable[[], None]]:
        to_app = partial(self._hooks.finished, self, summary)
        return [to_app, partial(self._report_to_listener, summary)]

    def _report_to_listener(self, summary: Summary) -> None:
        listener, self._listener = self._listener, None  # which holds this stream in its turn
        if listener is not None:
            listener.finished(summary)

    def _summary(self) -> Summary:
        try:
            return self._counted()
        except BaseException:
            log.exception("stream %s of %s: what it sent can't be told", self.id, self.name)
            reason = self.reason or "complete"
            return Summary(self.id, reason, 0, 0, 0, None, 0, None, "", self.failure, self.error)

    def _counted(self) -> Summary:
        now, sink = self._clock(), self.sink
        began = now if self._started_at is None else self._started_at
        sent, first = sink.statistics, sink.first_item_at
        return Summary(
            id=self.id,
            reason=self.reason or "complete",
            items=sent.sent_items,
            lost=sent.lost_items,
            bytes=sent.sent_bytes,
            first_event_seconds=None if first is None else max(first - began, 0.0),
            seconds=now - began,
            usage=sink.usage,
            text=sink.text,
            failure=self.failure,
            error=self.error,
        )

"""``ReportedOutcome``: reports the end of a stream, to the application and to an emitter.

The application hears of it by its :class:`StreamHooks`, an emitter as the :class:`Listener`. A
report that raises does not stop the next one.
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
    """The outcome of a stream, and the reports of it.

    :ivar sink: its items go through it, and it counts them.
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
        """Call ``work`` soon, on a worker of its own in an app context."""
        self._start_in_background(partial(self._hooks.run_in_background, work))

    def _start_in_background(self, work: Callable[[], object]) -> None:
        """Call it on a worker of its own. Where none can be started, call it when the producer
        ends, or here if the producer has ended."""
        try:
            self._spawn(partial(self._isolated, work))
        except BaseException:
            log.exception("stream %s of %s: no worker for a callback", self.id, self.name)
            self._owed.append(work)  # before the look; the worker looks in the other order
            if self._is_told:
                self._call_owed()

    def _call_owed(self) -> None:
        while self._owed:
            try:
                work = self._owed.pop(0)
            except IndexError:  # the other side was quicker
                return
            self._isolated(work)

    def _each(self, *steps: Callable[[], object]) -> None:
        """Take each of these steps of the end. An exception of one is logged."""
        run_all(*steps, by=self._isolated)

    def _isolated(self, step: Callable[[], object]) -> None:
        """Take one step of the end. Its exception is logged."""
        log.isolated(step, _FAILED, self.id, self.name)

    # The reports: the stream has ended; its reader has left; last, its producer has ended.

    @staticmethod
    def _report_of_end(
        listener: Optional[Listener], reason: str, error: Optional[BaseException]
    ) -> List[Callable[[], object]]:
        """The step that tells an emitter; none where there is no emitter."""
        return [] if listener is None else [partial(listener.ended, reason, error)]

    def _report_departure(self) -> None:
        self._hooks.left(self, self._summary())

    def _report_finish(self) -> None:
        """Make all last reports, on the worker inside its contexts."""
        if self._owed:
            self._call_owed()
        if self._listener is not None or self._hooks.hears(self):
            self._each(*self._reports(self._summary()))

    def _report_without_worker(self) -> None:
        """Make all last reports of a stream that was open and never ran: it has no worker."""
        run_in_background = self._hooks.run_in_background
        reports = [partial(run_in_background, report) for report in self._reports(self._summary())]
        self._call_owed()
        self._each(*reports)

    def _reports(self, summary: Summary) -> List[Callable[[], None]]:
        to_app = partial(self._hooks.finished, self, summary)
        return [to_app, partial(self._report_to_listener, summary)]

    def _report_to_listener(self, summary: Summary) -> None:
        listener, self._listener = self._listener, None  # it holds this stream
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
            left_out=sink.left_out,
            model=self._chosen_model,
        )

    @property
    def _chosen_model(self) -> Optional[str]:
        """The model that the source says it chose; ``None`` where it says none."""
        return None

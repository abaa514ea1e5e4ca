"""``Endable``: how a stream is ended: by its source, its reader, a timer or the server.

Any thread or greenlet may call these methods, the hub too. None of them blocks.
"""

from __future__ import annotations

import random
from functools import partial
from types import GeneratorType
from typing import Any, Callable, Iterable, List, Mapping, Optional

from ..errors import ProducerLost, StreamShutdown, StreamTimeout
from ..formats import Format
from ..log import log
from ..runtime.atomic import claim
from .frames import last_frame, plain_failure
from .hooks import StreamHooks
from .options import StreamOptions
from .recorder import Recorder
from .reported import ReportedOutcome
from .sink import Sink

RECONNECTION_MS = (1000, 5000)
"""The least and the most of a reconnection time after a shutdown. It is random, so that not all
readers come back at once."""


class Endable(ReportedOutcome):
    """A source and its way to the reader, with one end for both."""

    __slots__ = (
        "format", "options", "recorder", "_source", "_worker", "_end_is_pending", "_has_reader",
    )  # fmt: skip

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
        self._has_reader = True
        self.recorder: Optional[Recorder] = None

    @property
    def _field_names(self) -> Mapping[str, str]:
        return self.format.field_names

    @property
    def _chosen_model(self) -> Optional[str]:
        try:
            model = getattr(self._source, "model", None)
        except Exception:  # code of the application's own
            return None
        return model if isinstance(model, str) else None

    def end(self, reason: str, error: Optional[BaseException] = None) -> bool:
        """End the stream. ``False``: it has ended before."""
        if not hasattr(self, "_end_is_pending"):  # it was claimed, behind the end itself
            return False
        is_first = self._claim(reason, error)
        # A drain or a timer on another thread may end it before there is a worker. And the first
        # caller may still be at this line: the worker, which comes to it last, does it then, before
        # it reports that the producer has ended.
        if self._worker is not None:
            self._bring_to_an_end(self.reason or reason, self.error)
        return is_first

    def _bring_to_an_end(self, reason: str, error: Optional[BaseException]) -> None:
        if self.sink.handover is not None:
            self.sink.handover.is_detached = False
        listener = self._listener  # before the claim: the worker drops it, but after its own claim
        if not claim(self, "_end_is_pending"):  # both ``_open`` and ``end`` may come to this line
            return
        channel, has_left = self.sink.channel, reason == "disconnect"
        steps: List[Callable[[], object]] = []
        if self.recorder is not None:  # before the channel: its reader looks for the last frame
            steps.append(self._record_end)
        steps.append(partial(channel.discard if has_left else channel.close, reason))
        if reason not in ("complete", "error"):
            steps.append(self._stop)
        steps += self._report_of_end(listener, reason, error)
        if has_left:
            steps.append(self._tell_departure)
        self._each(*steps)

    def _record_end(self) -> None:
        if self.recorder is not None:
            last, reason = last_frame(self), self.reason or "complete"
            unsaid = b"" if last is not None else plain_failure(self)
            self.recorder.finish(self.id, last, reason, unsaid)

    def _tell_departure(self) -> None:
        """Have ``on_disconnect`` called, once."""
        if self.options.on_disconnect is not None and claim(self, "_has_reader"):
            self._start_in_background(self._report_departure)

    def time_out(self, error: StreamTimeout) -> None:
        """End it with ``timeout``, unless the listener ends it itself.

        :param error: the message says which time ran out.
        """
        if self.reason is not None:  # the timer came too late
            return
        listener, answered = self._listener, False
        try:
            answered = listener is not None and listener.timed_out(error)
        finally:
            if not answered:
                self.end("timeout", error)

    def stopped(self, reason: str) -> None:
        """End it, because the storage that keeps it says so: somebody has stopped the stream, or
        another producer has taken its place."""
        replaced = ProducerLost("Another producer has taken the place of this one.")
        self.end(*(("cancelled", None) if reason == "cancelled" else ("error", replaced)))

    @property
    def is_recorded(self) -> bool:
        """Whether a reader who comes back gets what it lacks."""
        return self.recorder is not None

    def shut_down(self) -> None:
        """End it with ``shutdown``: the server stops, or the reader must connect anew."""
        message = "The server ended this answer before it was whole. Ask again in a moment."
        self.end("shutdown", StreamShutdown(message, retry=random.randint(*RECONNECTION_MS)))

    def disown(self) -> None:
        """In a forked child: leave stream and source to the parent. Nothing ends them here."""
        self._claim("cancelled")
        claim(self, "_end_is_pending")

    def break_off(self, error: BaseException) -> None:
        """End it with an exception that was raised on the reader's side.

        Where the producer has ended before, the stream's reason stays. The reader gets this failure
        all the same, and the log has it.
        """
        if self.end("error", error):
            self._isolated(self._stop)
        else:
            self._unsent = error
            log.error(error, "stream %s of %s: its end could not be sent", self.id, self.name)

    def _stop(self) -> None:
        if self._worker is not None:  # it has yet to be made, where the opening fails
            self._worker.stop(self._abort)

    def _abort(self) -> None:
        log.isolated(
            partial(_call, self._source, "abort"), "%s failed when it was aborted", self.name
        )


def close_source(source: Any, name: str) -> None:
    """Call the source's ``close()``, where it has one. An exception of it is logged."""
    if source.__class__ is GeneratorType and source.gi_frame is None:  # it has ended by itself
        return
    log.isolated(partial(_call, source, "close"), "%s failed when it was closed", name)


def _call(source: Any, name: str) -> None:
    """Call a method of the source, where it has that."""
    method = getattr(source, name, None)
    if method is not None:
        method()

"""``Producer``: makes a stream where its ``with`` block is, without any request.

The events go into the storage, and only from there to readers. So the producer waits for no reader,
and its process needs no server.
"""

from __future__ import annotations

import os
from contextlib import closing
from types import TracebackType
from typing import Any, Callable, NoReturn, Optional, Tuple, Type

from gevent import GreenletExit

from ..errors import StreamClosed, StreamIsProduced
from ..log import log
from ..replay.expected import BEGUN, note_state
from ..runtime.inline_worker import InlineWorker
from ..runtime.looks import looks
from ..runtime.mutex import wakeup_of_the_caller
from ..runtime.runtime import Runtime, runtime_of_a_program
from ..sources.calls import called
from ..sources.emitter import Emitter
from ..sources.pushed import PushSource
from ..stream.limits import StreamLimiter
from ..stream.recorder import Recorder
from ..stream.stream import Stream
from .plan import Plan

FLUSH_SECONDS = 5.0
"""How long the end of the block waits for the storage."""

LOOK_SECONDS = (0.2, 0.2)
"""The pauses between two looks whether the last producer still looks alive."""

MARGIN_SECONDS = 1.0
"""How much longer than a lease that goes on."""

_STOPS = ("cancelled", "disconnect")
"""Reasons that are no failure. A call that was ended for one of them may raise anything."""

_slots = StreamLimiter(0)
"""The streams that have a producer in this process, so that a drain ends them."""


Opened = Tuple[Stream, Emitter]


class Producer:
    """Begins a stream with its ``with`` block, and ends it with the block.

    :param plan: says what stream, called when the block begins.
    """

    def __init__(self, plan: Callable[[], Plan]) -> None:
        self._plan = plan
        self._process = os.getpid()
        self._stream: Optional[Stream] = None
        self._worker = InlineWorker("")

    def __enter__(self) -> Emitter:
        """
        :raises StreamIsProduced: another producer is alive, or the stream has ended.
        :raises ReplayUnavailable: the storage can't be reached.
        :raises StreamRefused: this process is being drained.
        """
        if self._stream is not None:
            raise RuntimeError("this producer has begun already; make a new one for each block")
        self._process = os.getpid()
        plan, runtime = self._plan(), runtime_of_a_program()
        self._stream, emitter = self._opened(plan, runtime)
        try:
            _start(self._stream, plan, runtime)
        except BaseException as error:
            self.__exit__(type(error), error, None)
            raise
        return emitter

    def __exit__(
        self,
        kind: Optional[Type[BaseException]],
        error: Optional[BaseException],
        traceback: Optional[TracebackType],
    ) -> bool:
        stream = self._stream
        if stream is None or self._process != os.getpid():  # in a fork, the stream is the parent's
            return False
        is_behind_end = not _end(stream, error)
        try:
            self._worker.run()  # the reports of its end
            stream.abandon()
        finally:
            _flush(stream)
        is_stopped = is_behind_end and stream.reason in _STOPS and isinstance(error, Exception)
        if is_stopped and not isinstance(error, StreamClosed):
            log.warning("stream %s: its producer failed behind its end: %r", stream.id, error)
        return is_stopped

    def _opened(self, plan: Plan, runtime: Runtime) -> Opened:
        """Begin to record the stream. A producer that was lost looks alive for a while: until then
        this waits."""
        lease = plan.storage.lease
        with closing(wakeup_of_the_caller()) as wakeup:
            for _ in looks(wakeup, lease + MARGIN_SECONDS, LOOK_SECONDS):
                try:
                    return self._open(plan, runtime)
                except StreamIsProduced as error:
                    if error.has_ended or not lease:
                        raise
        return self._open(plan, runtime)

    def _open(self, plan: Plan, runtime: Runtime) -> Opened:
        source = PushSource(runtime)
        stream = Stream(
            plan.stream_id,
            "a producer",
            source,
            plan.make_format(),
            plan.options,
            plan.hooks,
            make_worker=lambda name: self._worker,
        )
        stream.recorder = Recorder(plan.storage, plan.owner)
        stream.take()
        refusal = _slots.acquire(stream)
        if refusal is not None:
            raise refusal
        try:
            return stream, Emitter(stream, source, runtime, _refuse_response, called)
        except BaseException:
            _slots.release(stream)
            raise


def _start(stream: Stream, plan: Plan, runtime: Runtime) -> None:
    stream.start(runtime, _slots.release)
    stream.leave()  # it goes on without a reader
    note_state(plan.storage, plan.stream_id, BEGUN)
    if plan.is_stopped:
        stream.stopped("cancelled")


def _end(stream: Stream, error: Optional[BaseException]) -> bool:
    """End the stream as its block has ended. ``False``: it had ended before."""
    if error is None:
        return stream.end("complete")
    if isinstance(error, GreenletExit):
        return stream.end("cancelled")
    if not isinstance(error, (KeyboardInterrupt, SystemExit)):
        return stream.end("error", error)
    is_first = stream.reason is None
    stream.shut_down()
    return is_first


def _flush(stream: Stream) -> None:
    if stream.recorder is not None and not stream.recorder.flush(FLUSH_SECONDS):
        log.warning("stream %s: its end has not reached the storage yet", stream.id)


def _refuse_response(stream: Any) -> NoReturn:
    raise RuntimeError(
        "a producer has no response of its own; streams.attach(stream_id) makes one in a view"
    )

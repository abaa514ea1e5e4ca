"""``Stream``: one producer, from its start to its end."""

from __future__ import annotations

from functools import partial
from time import monotonic
from typing import Any, Callable, Iterable, Iterator, Optional

from gevent import GreenletExit

from ..errors import StreamClosed, StreamError, StreamOverflow
from ..exceptions.interrupts import forward_interrupt
from ..formats import Format
from ..log import log
from ..runtime.atomic import claim
from ..runtime.runtime import Runtime
from .detachable import Detachable
from .endable import close_source
from .frames import opening_frame
from .hooks import Listener, StreamHooks
from .options import StreamOptions
from .recorder import Receive
from .timeouts import Deadlines

MakeWorker = Callable[[str], Any]
"""Makes a worker for a source of this name."""


class Stream(Detachable):
    """One source. It produces on a worker, beside the request that reads the stream.

    :param stream_id: can't be guessed. It is sent to the client.
    :param name: the name of the source in the log.
    :param source: an iterable. The worker iterates and closes it.
    :param format: makes the items bytes.
    :param make_worker: makes the worker that the source needs. Default: one of the runtime's own.
    :ivar receive: the :meth:`Channel.receive` of its channel, once the stream is open.
    """

    __slots__ = (
        "receive", "_make_worker", "_is_untaken", "_release", "_finished", "__weakref__",
    )  # fmt: skip

    def __init__(
        self,
        stream_id: str,
        name: str,
        source: Iterable[Any],
        format: Format,
        options: StreamOptions,
        hooks: StreamHooks,
        clock: Callable[[], float] = monotonic,
        make_worker: Optional[MakeWorker] = None,
    ) -> None:
        super().__init__(stream_id, name, source, format, options, hooks, clock)
        self._make_worker = make_worker
        self.receive: Receive = _not_started
        self._is_untaken = True
        self._release: Callable[[Stream], None] = _keep
        self._finished = False

    # Called on the reader's side.

    def take(self) -> bool:
        """Claim the stream for its one reader; ``False`` where it has a reader already."""
        return claim(self, "_is_untaken")

    @property
    def is_taken(self) -> bool:
        """Whether the stream has its reader."""
        return not hasattr(self, "_is_untaken")

    def start(self, runtime: Runtime, release: Callable[[Stream], None]) -> None:
        """Start the producer.

        :param release: called once, with the stream, when its producer has ended or could not
            start.
        """
        self._release = release
        self._started_at = self._clock()
        try:
            if self.sink.channel is None:
                self._open(runtime)
            if self.options.has_deadlines:
                self._deadlines = Deadlines(
                    self, self.sink, self.options, runtime.schedule, self._clock
                )
            self._worker.start(self._run)
        except BaseException as error:
            self._forget("error", error)
            self.abandon()
            self.error = None
            self._release_slot()
            raise

    def give_turn(self) -> None:
        """Let the producer begin at once, where that is possible: the reader is about to wait. Not
        without a buffer: there an item has room only while the reader waits already."""
        if self.reason is None and self.sink.channel.room:
            self._worker.give_turn()

    def open(self, runtime: Runtime, listener: Listener) -> Callable[[Any], None]:
        """Accept items before the start.

        :param listener: hears of the stream's end.
        :returns: the function that sends an item. Only one caller at a time may call it.
        """
        self._listener = listener
        self._open(runtime)
        return self.sink.sender()

    @property
    def is_open(self) -> bool:
        """Whether the stream accepts items, or did."""
        return self.sink.channel is not None

    @property
    def is_started(self) -> bool:
        """Whether the producer runs, or ran."""
        return self._started_at is not None

    def _open(self, runtime: Runtime) -> None:
        self._spawn = runtime.spawner()
        make_worker, self._make_worker = self._make_worker or runtime.worker, None
        worker = make_worker(self.name)
        record = None
        if self.recorder is not None:
            record = self.recorder.begin(self, opening_frame(self))
        channel = self.sink.open(runtime.readable(), runtime.writable(), record)
        if self.sink.handover is not None:
            self._beside_reader = runtime.spawner_beside_reader(), runtime.schedule
        receive: Receive = self._received if channel.encodes else channel.receive
        if self.recorder is not None:
            receive = self.recorder.numbered(receive, channel)
        self.receive = self.format.observe_receive(receive)
        self._worker = worker  # before the look at the reason; ``end`` looks in the other order
        if self.reason is not None:
            self._bring_to_an_end(self.reason, self.error)

    def abandon(self) -> None:
        """End the stream: nobody reads it any more. May be called again, or before the start."""
        self.receive = _not_read  # the old one may hold this stream
        if not self.is_started:
            self._forget("cancelled")
            return
        if self.reason is None:
            self.leave()
        if self.sink.channel is not None:
            self._isolated(partial(self.sink.channel.discard, "disconnect"))
        if self.sink.is_detached:  # the worker does the rest, at the end
            return
        # Timers are cancelled where they were made. They hold this stream.
        deadlines, self._deadlines = self._deadlines, None
        if deadlines is not None:
            self._isolated(deadlines.cancel)
        self._leave_format()
        self._let_go_of_error()

    def _forget(self, reason: str, error: Optional[BaseException] = None) -> None:
        """End a stream that never ran. No worker will run its finaliser, so that runs here."""
        is_first = self._claim(reason, error) and self.sink.channel is not None
        if is_first and claim(self, "_end_is_pending"):
            discard = partial(self.sink.channel.discard, reason)
            told = self._report_of_end(self._listener, reason, error)
            self._each(self._record_end, discard, *told)
        if self._finished:
            return
        self._finished = True
        if self.recorder is not None:
            self._isolated(self.recorder.forget)
        close_source(self._source, self.name)
        if self._listener is not None:  # it was open, so its end is reported like any other
            self._report_without_worker()

    @property
    def room(self) -> int:
        """The demand: how many items may be sent before one finds no room."""
        return 0 if self.reason is not None else self.sink.room

    def _received(self, timeout: Optional[float]) -> Optional[bytes]:
        """Receive from a channel that encodes late. A failure to encode ends the stream."""
        try:
            block: Optional[bytes] = self.sink.channel.receive(timeout)
            return block
        except Exception as error:
            self.break_off(error)
            return self._received(timeout)

    # Called on the worker.

    def _run(self) -> None:
        try:
            self._hooks.enter(self._work)
        except BaseException as error:  # the contexts', or a teardown function's
            if forward_interrupt(error):
                self.shut_down()
            else:
                log.exception("stream %s of %s: its context failed", self.id, self.name)
                self.end("error", error)
            if not self._finished:
                self._finish(None)
        finally:
            self._is_told = True
            if self._owed:
                self._call_owed()
            self._close_detached()
            self._let_go_of_error()
            self._release_slot()

    def _release_slot(self) -> None:
        release, self._release = self._release, _keep
        self._isolated(partial(release, self))

    def _work(self) -> Optional[BaseException]:
        iterator: Optional[Iterator[Any]] = None
        try:
            iterator = iter(self._source)
            self._worker.drive(iterator, self.sink.sender())
            self.end("complete")
        except GreenletExit:
            self.end("cancelled")  # no effect where the stream has ended already
        except BaseException as error:
            self._fail(error)
        finally:
            self._finish(iterator)
        return self._cause()

    def _finish(self, iterator: Optional[Iterator[Any]]) -> None:
        self._finished = True
        if iterator is not self._source:
            close_source(iterator, self.name)
        close_source(self._source, self.name)
        self._report_finish()

    def _fail(self, error: BaseException) -> None:
        if forward_interrupt(error):
            self.shut_down()
            return
        kind = type(error)  # ``__class__`` may be code of the exception's own
        if self.end("overflow" if issubclass(kind, StreamOverflow) else "error", error):
            return
        if not issubclass(kind, (StreamClosed, StreamError)):
            # A source that was stopped does not raise this, so the log has it.
            log.error(error, "stream %s of %s failed after its end", self.id, self.name)


def _not_started(timeout: Optional[float]) -> Optional[bytes]:
    raise RuntimeError("the stream has not been started")


def _not_read(timeout: Optional[float]) -> Optional[bytes]:
    """The end, for a reader who has left."""
    return None


def _keep(stream: Stream) -> None:
    """There is nothing to release."""

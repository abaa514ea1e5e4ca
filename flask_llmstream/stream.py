"""``Stream``: one producer, its state, its one ending, its finaliser.

Floor 2: gevent. ``NEW`` until :meth:`Stream.start`, ``OPEN`` while items come, ``CLOSING`` from
the one ending until the producer has really ended, then ``CLOSED``. The first reason wins.
"""

from __future__ import annotations

import random
from functools import partial
from time import monotonic
from typing import Any, Callable, Dict, Iterable, Iterator, List, Optional, Tuple

from gevent import GreenletExit

from .deadlines import Deadlines
from .delivery import Delivery
from .errors import StreamClosed, StreamError, StreamOverflow, StreamShutdown, StreamTimeout
from .failure import Failure, failure_of
from .formats import Format
from .interrupts import passed_on
from .item_channel import taken_from
from .log import log
from .options import StreamOptions
from .summary import Summary
from .surroundings import Listener, Surroundings
from .worker import Habitat

End = Tuple[str, Optional[BaseException], Optional[Failure]]

RECONNECTION_MS = (1000, 5000)
"""Between these a reader's reconnection time after a shutdown is random: not all come at once."""


class Stream:
    """One source, producing beside the request that reads it.

    :param stream_id: unguessable, the client is told it.
    :param name: what the log calls the source.
    :param source: what is iterated on the worker, and closed there.
    :param format: how its items look on the wire.
    :ivar delivery: what its items go through, with the counts.
    :ivar receive: once it has started, its channel's :meth:`Channel.receive`.
    """

    __slots__ = (
        "id", "name", "format", "options", "reason", "failure", "error", "delivery", "receive",
        "_source", "_surroundings", "_clock", "_first_end", "_not_brought", "_nobody_reads",
        "_spawn", "_worker", "_deadlines", "_release", "_finished", "_listener", "_is_left",
        "_is_told", "_started_at", "_owed", "_unsent", "__weakref__",
    )  # fmt: skip

    def __init__(
        self,
        stream_id: str,
        name: str,
        source: Iterable[Any],
        format: Format,
        options: StreamOptions,
        surroundings: Surroundings,
        clock: Callable[[], float] = monotonic,
    ) -> None:
        self.id = stream_id
        self.name = name
        self.format = format
        self.options = options
        self.reason: Optional[str] = None
        self.failure: Optional[Failure] = None
        self.error: Optional[BaseException] = None
        self.delivery = Delivery(name, format, options, clock)
        self._source = source
        self._surroundings = surroundings
        self._clock = clock
        self._first_end: Dict[str, End] = {}  # at most one: of all that come at a time one is it
        self._not_brought = [True]  # until somebody takes it, and so with the next
        self._nobody_reads = [True]
        self._spawn: Any = None
        self._worker: Any = None
        self._deadlines: Optional[Deadlines] = None
        self._release: Callable[[Stream], None] = _keep
        self.receive: Callable[[Optional[float]], Optional[bytes]] = _not_started
        self._finished = False
        self._is_left = self._is_told = False
        self._started_at: Optional[float] = None
        self._listener: Optional[Listener] = None
        self._owed: List[Callable[[], object]] = []
        self._unsent: Optional[BaseException] = None  # what its reader met behind another end

    # Called where the response is read.

    def take(self) -> bool:
        """Be its one reader; ``False`` where somebody is already."""
        return taken_from(self._nobody_reads) is not None

    @property
    def is_taken(self) -> bool:
        """Whether somebody reads it, or is to read it."""
        return not self._nobody_reads

    def start(
        self, habitat: Habitat, release: Callable[[Stream], None], worker: Any = None
    ) -> None:
        """Start the producer.

        :param release: called with it once, when it has really ended; also when it could not start.
        :param worker: one that the source needs. Default: a new one of the habitat.
        """
        self._release = release
        self._started_at = self._clock()
        try:
            self._run_in(habitat, worker)
        except BaseException as error:
            self._forget("error", error)
            self.abandon()
            self.error = None
            self._release_slot()
            raise

    def open(self, habitat: Habitat, listener: Listener) -> Callable[[Any], None]:
        """Have items accepted before the start.

        :returns: what delivers an item; called by one at a time.
        """
        self._listener = listener
        self._open(habitat, None)
        return self.delivery.path()

    @property
    def is_open(self) -> bool:
        """Whether items are accepted, or were: somebody may notice that nobody reads them."""
        return self.delivery.channel is not None

    @property
    def is_started(self) -> bool:
        """Whether its producer runs, or ran."""
        return self._started_at is not None

    def _run_in(self, habitat: Habitat, worker: Any) -> None:
        if self.delivery.channel is None:
            self._open(habitat, worker)
        if self.options.has_deadlines:
            self._deadlines = Deadlines(
                self, self.delivery, self.options, habitat.schedule, self._clock
            )
        self._worker.start(self._run)

    def _open(self, habitat: Habitat, worker: Any) -> None:
        self._spawn = habitat.beside()
        worker = worker or habitat.worker(self.name)
        channel = self.delivery.open(habitat.readable(), habitat.writable())
        receive = self._received if channel.takes_items else channel.receive
        self.receive = self.format.followed(receive)
        self._worker = worker  # before the look; who ends it looks the other way round
        if self.reason is not None:
            self._bring_to_an_end(self.reason, self.error)

    def failure_of(self, error: BaseException) -> Failure:
        """What its reader is told of an exception."""
        return failure_of(error, self.id, reveal=self._reveals())

    def answer(self, error: BaseException, failure: Failure) -> Any:
        """The response in its place, while nothing of it has been sent."""
        return self._surroundings.answer(error, failure)

    def abandon(self) -> None:
        """Nobody will read this any more. Harmless when called again, or before the start."""
        self.receive = _not_read  # which may hold this stream
        if not self.is_started:
            self._forget("cancelled")
            return
        self.end("disconnect")
        if self.delivery.channel is not None:
            self._each(partial(self.delivery.channel.discard, "disconnect"))
        # Timers are let go of where they were made. They hold this stream, in their turn.
        deadlines, self._deadlines = self._deadlines, None
        if deadlines is not None:
            self._each(deadlines.cancel)
        self._is_left = True
        self._let_go_of_error()

    def _forget(self, reason: str, error: Optional[BaseException] = None) -> None:
        """It never ran: it ends here, for no worker will run its finaliser."""
        if self._claim(reason, error) and self.delivery.channel is not None:
            discard = partial(self.delivery.channel.discard, reason)
            self._each(discard, partial(self._tell_of_end, reason, error))
        if self._finished:
            return
        self._finished = True
        _close(self._source, self.name)
        if self._listener is not None:  # it was open, so its end is told as any other
            summary, beside = self._summary(), self._surroundings.beside
            report = partial(self._surroundings.finished, self, summary)
            tell = partial(self._tell_of_finish, summary)
            self._each(*self._owed, partial(beside, report), partial(beside, tell))

    # Called from anywhere, the hub included: none of this blocks.

    def end(self, reason: str, error: Optional[BaseException] = None) -> bool:
        """End the stream; ``False`` when it has ended before, for whatever reason that was."""
        if not self._claim(reason, error):
            return False
        # A drain, or a timer, on another thread may come before there is anything to stop.
        if self._worker is not None:
            self._bring_to_an_end(reason, error)
        return True

    def _bring_to_an_end(self, reason: str, error: Optional[BaseException]) -> None:
        if not taken_from(self._not_brought):  # by who opens it, or by who ends it
            return
        channel, has_left = self.delivery.channel, reason == "disconnect"
        steps: List[Callable[[], object]] = []
        steps.append(partial(channel.discard if has_left else channel.close, reason))
        if reason not in ("complete", "error"):
            steps.append(self._stop)
        steps.append(partial(self._tell_of_end, reason, error))
        if has_left and self.options.on_disconnect is not None:
            steps.append(partial(self._start_beside, self._tell_of_departure))
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

    def beside(self, work: Callable[[], None]) -> None:
        """Have ``work`` called soon, on a worker of its own in an app context."""
        self._start_beside(partial(self._surroundings.beside, work))

    @property
    def room(self) -> int:
        """How many items may come before one finds no room: the demand."""
        return 0 if self.reason is not None else self.delivery.room

    def _received(self, timeout: Optional[float]) -> Optional[bytes]:
        """Receive from a channel that may encode an item only now: what can't be sent ends it."""
        try:
            block: Optional[bytes] = self.delivery.channel.receive(timeout)
            return block
        except Exception as error:
            self.break_off(error)
            return self._received(timeout)

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

    @property
    def trouble(self) -> Optional[BaseException]:
        """The exception that kept its reader from having it all, if one did."""
        return self._unsent if self.error is None else self.error

    @property
    def told(self) -> Optional[Failure]:
        """What its reader is told went wrong; ``None`` where nothing did."""
        if self.failure is None and self._unsent is not None:
            return self.failure_of(self._unsent)
        return self.failure

    def _claim(self, reason: str, error: Optional[BaseException] = None) -> bool:
        failure = None if error is None else self.failure_of(error)
        end = reason, error, failure
        first = self._first_end.setdefault("first", end)
        if self.reason is None:  # whoever comes too late for it finds it whole, too
            self.failure, self.error, self.reason = first[2], first[1], first[0]
        return first is end

    def _reveals(self) -> bool:
        try:
            return self._surroundings.debug
        except BaseException:  # an app's own code: what it can't say is no
            log.exception("stream %s of %s: is this debug mode?", self.id, self.name)
            return False

    def _each(self, *steps: Callable[[], object]) -> None:
        """Do each of these steps of its end, though another raised, or was interrupted."""
        if not steps:
            return
        try:
            log.isolated(steps[0], "stream %s of %s: a step of its end failed", self.id, self.name)
        finally:
            self._each(*steps[1:])

    def _start_beside(self, work: Callable[[], object]) -> None:
        """Have it called on a worker of its own; where none can be started, at the producer's
        end."""
        try:
            self._spawn(partial(self._each, work))
        except BaseException:
            log.exception("stream %s of %s: no worker for a callback", self.id, self.name)
            self._owed.append(work)

    def _stop(self) -> None:
        self._worker.stop(self._abort)

    def _abort(self) -> None:
        log.isolated(
            partial(_call, self._source, "abort"), "%s failed when it was aborted", self.name
        )

    def _tell_of_end(self, reason: str, error: Optional[BaseException]) -> None:
        if self._listener is not None:
            self._listener.ended(reason, error)

    def _tell_of_finish(self, summary: Summary) -> None:
        listener, self._listener = self._listener, None  # which holds this stream in its turn
        if listener is not None:
            listener.finished(summary)

    def _tell_of_departure(self) -> None:
        self._surroundings.left(self, self._summary())

    # Runs on the worker.

    def _run(self) -> None:
        try:
            self._surroundings.enter(self._work)
        except BaseException as error:  # the contexts', or a teardown function's
            if passed_on(error):
                self.shut_down()
            else:
                log.exception("stream %s of %s: its context failed", self.id, self.name)
                self.end("error", error)
            if not self._finished:
                self._finish(None)
        finally:
            self._is_told = True
            self._let_go_of_error()
            self._release_slot()

    def _release_slot(self) -> None:
        release, self._release = self._release, _keep
        self._each(partial(release, self))

    def _let_go_of_error(self) -> None:
        """The reader may answer with it, and the worker tells everybody of it: the second of them
        drops it. Its traceback holds the frame of ``_work``, a cycle that only gc would free."""
        if self._is_left and self._is_told:
            self.error = self._unsent = None
            self._first_end["first"] = self.reason or "", None, self.failure

    def _work(self) -> Optional[BaseException]:
        iterator: Optional[Iterator[Any]] = None
        try:
            iterator = iter(self._source)
            self._worker.drive(iterator, self.delivery.path())
            self.end("complete")
        except GreenletExit:
            self.end("cancelled")  # without effect where the stop was ours
        except BaseException as error:
            self._fail(error)
        finally:
            self._finish(iterator)
        return self._cause()

    def _cause(self) -> Optional[BaseException]:
        """What kept it from completing."""
        error = self.error
        if error is None and self.reason == "disconnect":
            error = GeneratorExit("the reader has left")
        elif error is None and self.reason != "complete":
            error = GreenletExit(f"the stream was ended ({self.reason})")
        return error

    def _finish(self, iterator: Optional[Iterator[Any]]) -> None:
        self._finished = True
        if iterator is not self._source:
            _close(iterator, self.name)
        _close(self._source, self.name)
        summary = self._summary()
        report = partial(self._surroundings.finished, self, summary)
        self._each(*self._owed, report, partial(self._tell_of_finish, summary))

    def _fail(self, error: BaseException) -> None:
        if passed_on(error):
            self.shut_down()
            return
        kind = type(error)  # an exception's own code may deny it
        if self.end("overflow" if issubclass(kind, StreamOverflow) else "error", error):
            return
        if not issubclass(kind, (StreamClosed, StreamError)):
            # Not what being stopped looks like, so somebody should know.
            log.error(error, "stream %s of %s failed after its end", self.id, self.name)

    def _summary(self) -> Summary:
        try:
            return self._counted()
        except BaseException:
            log.exception("stream %s of %s: what it sent can't be told", self.id, self.name)
            reason = self.reason or "complete"
            return Summary(self.id, reason, 0, 0, 0, None, 0, None, "", self.failure, self.error)

    def _counted(self) -> Summary:
        now, delivery = self._clock(), self.delivery
        began = now if self._started_at is None else self._started_at
        sent, first = delivery.statistics, delivery.first_item_at
        return Summary(
            id=self.id,
            reason=self.reason or "complete",
            items=sent.sent_items,
            lost=sent.lost_items,
            bytes=sent.sent_bytes,
            first_event_seconds=None if first is None else max(first - began, 0.0),
            seconds=now - began,
            usage=delivery.usage,
            text=delivery.text,
            failure=self.failure,
            error=self.error,
        )


def _close(source: Any, name: str) -> None:
    log.isolated(partial(_call, source, "close"), "%s failed when it was closed", name)


def _call(source: Any, name: str) -> None:
    """Call this method of it, where it has one."""
    method = getattr(source, name, None)
    if method is not None:
        method()


def _not_started(timeout: Optional[float]) -> Optional[bytes]:
    raise RuntimeError("the stream has not been started")


def _not_read(timeout: Optional[float]) -> Optional[bytes]:
    """What a reader gets who has left."""
    return None


def _keep(stream: Stream) -> None:
    """Nothing to release."""

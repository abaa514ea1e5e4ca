"""``Stream``: one producer, its state, its one ending, its finaliser.

Floor 2: gevent. ``NEW`` until :meth:`Stream.start`, ``OPEN`` while items come, ``CLOSING`` from
the one ending until the producer has really ended, then ``CLOSED``. The first reason wins.
"""

from __future__ import annotations

import logging
from time import monotonic
from typing import Any, Callable, Iterable, Iterator, List, Optional, Protocol

from gevent import GreenletExit
from gevent.monkey import get_original

from .channel import Channel
from .completion import Usage
from .errors import StreamClosed, StreamError, StreamTimeout, UnsendableItem
from .failure import Failure, failure_of
from .formats import Format
from .options import StreamOptions
from .overflow import Overflow
from .summary import MAX_TEXT, Summary
from .timers import Timer
from .worker import Habitat

_log = logging.getLogger("flask_llmstream")
_allocate_lock = get_original("_thread", "allocate_lock")


class Surroundings(Protocol):
    """What a stream needs of the app it runs in."""

    @property
    def debug(self) -> bool:
        """Whether a client may be told what really failed."""

    def enter(self, work: Callable[[], None]) -> None:
        """Run ``work`` on this worker, inside the contexts of the view."""

    def finished(self, stream: Stream, summary: Summary) -> None:
        """Called on the worker, inside its contexts, exactly once; logs what has to be logged."""


class Stream:
    """One source, producing beside the request that reads it.

    :param stream_id: unguessable, the client is told it.
    :param name: what the log calls the source.
    :param source: what is iterated on the worker, and closed there.
    :param format: how its items look on the wire.
    :ivar receive: once it has started, its channel's :meth:`Channel.receive`.
    """

    __slots__ = (
        "id", "name", "format", "options", "reason", "failure", "error", "usage", "receive",
        "_source", "_surroundings", "_clock", "_ending", "_channel", "_worker", "_total",
        "_release", "_finished", "_text", "_text_room", "_started_at", "_first_at", "__weakref__",
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
        self.usage: Optional[Usage] = None
        self._source = source
        self._surroundings = surroundings
        self._clock = clock
        self._ending = _allocate_lock()
        self._channel: Any = None
        self._worker: Any = None
        self._total: Optional[Timer] = None
        self._release: Callable[[], None] = _nothing
        self.receive: Callable[[Optional[float]], Optional[bytes]] = _not_started
        self._finished = False
        self._text: List[str] = []
        self._text_room = MAX_TEXT
        self._started_at = 0.0
        self._first_at: Optional[float] = None

    # Called where the response is read.

    def start(self, habitat: Habitat, release: Callable[[], None]) -> None:
        """Start the producer.

        :param release: called once, when it has really ended; also when it could not start.
        """
        self._release = release
        self._started_at = self._clock()
        try:
            self._open(habitat)
        except BaseException:
            self._claim("error")
            self.abandon()
            _close(self._source, self.name)
            self._release()
            raise

    def _open(self, habitat: Habitat) -> None:
        options = self.options
        self._worker = habitat.worker()
        self._channel = Channel(
            habitat.readable(),
            habitat.writable(),
            max_items=options.buffer,
            max_bytes=options.buffer_bytes,
            overflow=Overflow.named(options.overflow),
        )
        self.receive = self._channel.receive
        if options.total_timeout:
            self._total = habitat.schedule(options.total_timeout, self._time_out)
        self._worker.start(self._run)

    def abandon(self) -> None:
        """Nobody will read this any more. Harmless when called again, or before the start."""
        if self._channel is None:
            if self._claim("cancelled"):
                _close(self._source, self.name)
        else:
            self.end("disconnect")
            self._channel.discard("disconnect")
            if self._total is not None:  # a timer is let go of where it was made
                self._total.cancel()

    # Called from anywhere, the hub included: none of this blocks.

    def end(self, reason: str, error: Optional[BaseException] = None) -> bool:
        """End the stream; ``False`` when it has ended before, for whatever reason that was."""
        if not self._claim(reason, error):
            return False
        if reason == "disconnect":
            self._channel.discard(reason)
        else:
            self._channel.close(reason)
        if reason not in ("complete", "error"):
            self._worker.stop(self._abort)
        return True

    def _claim(self, reason: str, error: Optional[BaseException] = None) -> bool:
        failure = None
        if error is not None:
            failure = failure_of(error, self.id, reveal=self._surroundings.debug)
        with self._ending:
            if self.reason is not None:
                return False
            self.reason, self.error, self.failure = reason, error, failure
            return True

    def _abort(self) -> None:
        abort = getattr(self._source, "abort", _nothing)
        try:
            abort()
        except BaseException:  # as below
            _log.exception("%s failed when it was aborted", self.name)

    def _time_out(self) -> None:
        seconds = self.options.total_timeout
        self.end("timeout", StreamTimeout(f"The answer took longer than {seconds:g} seconds."))

    # Runs on the worker.

    def _run(self) -> None:
        try:
            self._surroundings.enter(self._work)
        except BaseException as error:  # the contexts', or a teardown function's
            _log.exception("stream %s of %s: its context failed", self.id, self.name)
            self.end("error", error)
            if not self._finished:
                self._finish(None)
        finally:
            self._release()

    def _work(self) -> None:
        iterator: Optional[Iterator[Any]] = None
        try:
            iterator = iter(self._source)
            self._worker.drive(iterator, self._delivery())
            self.end("complete")
        except GreenletExit:
            self.end("cancelled")  # without effect where the stop was ours
        except BaseException as error:
            self._fail(error)
        finally:
            self._finish(iterator)

    def _finish(self, iterator: Optional[Iterator[Any]]) -> None:
        self._finished = True
        if iterator is not self._source:
            _close(iterator, self.name)
        _close(self._source, self.name)
        self._surroundings.finished(self, self._summary())
        self.error = None  # its traceback holds this very frame: a cycle that only gc would free

    def _fail(self, error: BaseException) -> None:
        if self.end("error", error):
            return
        if not isinstance(error, (StreamClosed, StreamError)):
            # Not what being stopped looks like, so somebody should know.
            _log.error("stream %s of %s failed after its end", self.id, self.name, exc_info=error)

    def _delivery(self) -> Callable[[Any], None]:
        """What an item goes through, made once a stream: this is the path of every token."""
        encode, send, clock = self.format.item, self._channel.send, self._clock
        if self.options.on_finish is not None:
            encode = self._recorded

        def deliver(item: Any) -> None:
            if item.__class__ is Usage:
                self.usage = item
                return
            try:
                frame = encode(item)
            except (TypeError, ValueError) as error:
                raise UnsendableItem(self.name, error) from error
            if frame:
                send(frame)
                if self._first_at is None:
                    self._first_at = clock()

        return deliver

    def _recorded(self, item: Any) -> bytes:
        frame = self.format.item(item)
        if isinstance(item, str) and self._text_room > 0:
            self._text.append(item[: self._text_room])
            self._text_room -= len(item)
        return frame

    def _summary(self) -> Summary:
        sent = self._channel.statistics
        first = None if self._first_at is None else self._first_at - self._started_at
        return Summary(
            id=self.id,
            reason=self.reason or "complete",
            items=sent.sent_items,
            bytes=sent.sent_bytes,
            first_event_seconds=first,
            seconds=self._clock() - self._started_at,
            usage=self.usage,
            text="".join(self._text),
            failure=self.failure,
            error=self.error,
        )


def _close(source: Any, name: str) -> None:
    close = getattr(source, "close", None)
    if close is None:
        return
    try:
        close()
    except BaseException:  # gevent's own are none of Exception's, and the finaliser has to run
        _log.exception("%s failed when it was closed", name)


def _not_started(timeout: Optional[float]) -> Optional[bytes]:
    raise RuntimeError("the stream has not been started")


def _nothing() -> None:
    """Nothing to release."""

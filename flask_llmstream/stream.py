"""``Stream``: one producer, its state, its one ending, its finaliser.

Floor 2: gevent. ``NEW`` until :meth:`Stream.start`, ``OPEN`` while items come, ``CLOSING`` from
the one ending until the producer has really ended, then ``CLOSED``. The first reason wins.
"""

from __future__ import annotations

import logging
import random
from time import monotonic
from typing import Any, Callable, Iterable, Iterator, List, Optional, Protocol, Set

from gevent import GreenletExit
from gevent.monkey import get_original

from .channel import Opening
from .completion import Usage
from .deadlines import Deadlines
from .errors import (
    StreamClosed,
    StreamError,
    StreamOverflow,
    StreamShutdown,
    StreamTimeout,
    UnsendableItem,
)
from .failure import Failure, failure_of
from .formats import Format
from .options import StreamOptions
from .overflow import Overflow
from .summary import MAX_TEXT, Summary
from .worker import Habitat

_log = logging.getLogger("flask_llmstream")
_allocate_lock = get_original("_thread", "allocate_lock")
_warned_of_lost_text: Set[str] = set()

RECONNECTION_MS = (1000, 5000)
"""Between these a reader's reconnection time after a shutdown is random: not all come at once."""


class Surroundings(Protocol):
    """What a stream needs of the app it runs in."""

    @property
    def debug(self) -> bool:
        """Whether a client may be told what really failed."""

    def enter(self, work: Callable[[], None]) -> None:
        """Run ``work`` on this worker, inside the contexts of the view."""

    def left(self, stream: Stream, summary: Summary) -> None:
        """Called on a worker of its own, at once, when the reader has left."""

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
        "first_item_at", "last_item_at", "_source", "_surroundings", "_clock", "_ending",
        "_channel", "_habitat", "_worker", "_deadlines", "_release", "_finished",
        "_ended_early", "_text", "_text_room", "_started_at", "__weakref__",
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
        self._habitat: Any = None
        self._worker: Any = None
        self._deadlines: Optional[Deadlines] = None
        self._release: Callable[[Stream], None] = _keep
        self.receive: Callable[[Optional[float]], Optional[bytes]] = _not_started
        self._finished = False
        self._ended_early = False
        self._text: List[str] = []
        self._text_room = MAX_TEXT
        self._started_at = 0.0
        self.first_item_at: Optional[float] = None
        self.last_item_at: Optional[float] = None

    # Called where the response is read.

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
            self._open(habitat, worker)
        except BaseException:
            self._claim("error")
            self.abandon()
            _close(self._source, self.name)
            self._release(self)
            raise

    def _open(self, habitat: Habitat, worker: Any) -> None:
        options = self.options
        self._habitat = habitat
        worker = worker or habitat.worker(self.name)
        sides = habitat.readable(), habitat.writable()
        opening = Opening(*sides, self._encoded, self.format.gap, options)
        self._channel = Overflow.named(options.overflow).opened(opening)
        takes_items = self._channel.takes_items
        receive = self._received if takes_items else self._channel.receive
        self.receive = self.format.followed(receive)
        if options.has_deadlines:
            self._deadlines = Deadlines(self, options, habitat.schedule, self._clock)
        with self._ending:
            self._worker = worker
        if self._ended_early:
            self._bring_to_an_end()
        worker.start(self._run)

    def abandon(self) -> None:
        """Nobody will read this any more. Harmless when called again, or before the start."""
        if self._channel is None:
            if self._claim("cancelled"):
                _close(self._source, self.name)
        else:
            self.end("disconnect")
            self._channel.discard("disconnect")
            if self._deadlines is not None:  # timers are let go of where they were made
                self._deadlines.cancel()

    # Called from anywhere, the hub included: none of this blocks.

    def end(self, reason: str, error: Optional[BaseException] = None) -> bool:
        """End the stream; ``False`` when it has ended before, for whatever reason that was."""
        if not self._claim(reason, error):
            return False
        if not self._ended_early:
            self._bring_to_an_end()
        return True

    def _bring_to_an_end(self) -> None:
        reason = self.reason or ""
        if reason == "disconnect":
            self._channel.discard(reason)
        else:
            self._channel.close(reason)
        if reason not in ("complete", "error"):
            self._worker.stop(self._abort)
        if reason == "disconnect" and self.options.on_disconnect is not None:
            self._habitat.worker(self.name).start(self._tell_of_departure)

    def time_out(self, error: StreamTimeout) -> None:
        """End it, and tell the reader which patience was at its end."""
        self.end("timeout", error)

    def shut_down(self) -> None:
        """End it for a reason that is none of the answer's own: the server goes, or the
        connection is to be made anew."""
        message = "The server ended this answer before it was whole. Ask again in a moment."
        self.end("shutdown", StreamShutdown(message, retry=random.randint(*RECONNECTION_MS)))

    @property
    def is_read(self) -> bool:
        """Whether somebody reads it still, or has yet to take its end."""
        return self._channel is None or not self._channel.is_discarded

    @property
    def waits_for_room(self) -> bool:
        """Whether its producer waits for the reader."""
        return bool(self._channel.producer_waits)

    def _received(self, timeout: Optional[float]) -> Optional[bytes]:
        """Receive from a channel that may encode an item only now: what can't be sent ends it."""
        try:
            block: Optional[bytes] = self._channel.receive(timeout)
            return block
        except Exception as error:
            if self.end("error", error):
                self._worker.stop(self._abort)
            return self._received(timeout)

    def _claim(self, reason: str, error: Optional[BaseException] = None) -> bool:
        failure = None
        if error is not None:
            failure = failure_of(error, self.id, reveal=self._surroundings.debug)
        with self._ending:
            if self.reason is not None:
                return False
            self.reason, self.error, self.failure = reason, error, failure
            # A drain, or a timer, on another thread may come before there is anything to stop.
            # The lock tells who is first: then ``_open`` does what is left to do.
            self._ended_early = self._worker is None
            return True

    def _abort(self) -> None:
        abort = getattr(self._source, "abort", _nothing)
        try:
            abort()
        except BaseException:  # as below
            _log.exception("%s failed when it was aborted", self.name)

    def _tell_of_departure(self) -> None:
        self._surroundings.left(self, self._summary())

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
            self._release(self)

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
        if self.end("overflow" if isinstance(error, StreamOverflow) else "error", error):
            return
        if not isinstance(error, (StreamClosed, StreamError)):
            # Not what being stopped looks like, so somebody should know.
            _log.error("stream %s of %s failed after its end", self.id, self.name, exc_info=error)

    def _delivery(self) -> Callable[[Any], None]:
        """What an item goes through, made once a stream: this is the path of every token."""
        if self._channel.takes_items:
            return self._offer
        encode, send, clock = self._encoder, self._channel.send, self._clock
        if self.options.idle_timeout:
            send = self._stamped

        def deliver(item: Any) -> None:
            if item.__class__ is Usage:
                self.usage = item
                frame = b""
            else:
                try:
                    frame = encode(item)
                except (TypeError, ValueError) as error:
                    raise UnsendableItem(self.name, error) from error
            if frame:
                send(frame)
                if self.first_item_at is None:
                    self.first_item_at = clock()
            elif self.reason is not None:  # as ``send`` would, for a source that ignored its stop
                raise StreamClosed(self.reason)

        return deliver

    def _offer(self, item: Any) -> None:
        """What an item goes through that is encoded once it has room."""
        if item.__class__ is Usage:
            self.usage = item
            if self.reason is not None:  # as above
                raise StreamClosed(self.reason)
            return
        if isinstance(item, str):
            self._warn_of_lost_text()
        self._channel.send(item)
        self.last_item_at = self._clock()
        if self.first_item_at is None:
            self.first_item_at = self.last_item_at

    def _warn_of_lost_text(self) -> None:
        if self.name in _warned_of_lost_text or self.options.coalesce is not None:
            return
        _warned_of_lost_text.add(self.name)
        channel = self._channel
        _log.warning(
            "%s streams text with overflow=%r, whose reader loses %s: that spoils an answer. "
            "'block' and 'buffer' lose nothing, nor does 'latest' with coalesce=operator.add.",
            *(self.name, channel.name, channel.loses),
        )

    @property
    def _encoder(self) -> Callable[[Any], bytes]:
        return self.format.item if self.options.on_finish is None else self._recorded

    def _encoded(self, item: Any) -> bytes:
        try:
            return self._encoder(item)
        except (TypeError, ValueError) as error:
            raise UnsendableItem(self.name, error) from error

    def _recorded(self, item: Any) -> bytes:
        frame = self.format.item(item)
        if isinstance(item, str) and self._text_room > 0:
            self._text.append(item[: self._text_room])
            self._text_room -= len(item)
        return frame

    def _stamped(self, frame: bytes) -> None:
        self._channel.send(frame)
        self.last_item_at = self._clock()  # once it has room: till then the reader is slow

    def _summary(self) -> Summary:
        sent = self._channel.statistics
        first = None if self.first_item_at is None else self.first_item_at - self._started_at
        return Summary(
            id=self.id,
            reason=self.reason or "complete",
            items=sent.sent_items,
            lost=sent.lost_items,
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
    """Nothing to abort."""


def _keep(stream: Stream) -> None:
    """Nothing to release."""

"""The WSGI body of a stream: it starts everything at its first ``__next__``.

Floor 3. PEP 3333 lets an application call ``start_response`` as late as the body's first block,
so the status can wait for the first item, and a body that is never read leaves nothing behind.
"""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from functools import partial
from typing import Any, Callable, Dict, Hashable, Iterable, Iterator, NoReturn, Optional, Protocol

from gevent.monkey import get_original

from .admission import Slots
from .connection import Connection
from .errors import StreamError
from .failure import Failure
from .failure_response import failure_response
from .formats import Ending
from .log import log
from .overflow import Overflow
from .request_body import Unread
from .stream import Stream
from .worker import Habitat, apart, habitat

_allocate_lock = get_original("_thread", "allocate_lock")

LOOK_SECONDS = 1.0
"""How often it looks whether what was not read in advance of a request has been read."""

_FAILED = "flask_llmstream.failed"
"""In a request's ``environ`` once a stream of it has failed: the answer to that may be a stream."""


class Start(Protocol):
    """How an answer starts."""

    def stream(self) -> None:
        """As the stream."""

    def instead(self, response: Any) -> Iterable[bytes]:
        """As another response; its body."""


class StreamBody:
    """The WSGI iterable of one stream. One request reads it, once, on one thread or greenlet.

    Where it is dropped without a ``close()``, its stream ends as a plain generator would.

    :param stream: not started yet, and nobody else's.
    :param slots: where the stream takes its slot.
    :param client: whose it counts as, where clients have limits of their own.
    :param watches_client: whether the client's socket is watched.
    :param worker: one that the stream's source needs. Default: a new one.
    :param refusal: what is answered in its place, where it is not to run at all.
    :param unread: the body of its request, where that has one.
    :raises RuntimeError: the stream has a body already.
    """

    __slots__ = (
        "_stream", "_slots", "_client", "_watches_client", "_worker", "_refusal", "_unread",
        "_is_received", "_environ",
        "_start", "_instead", "_closing", "_connection", "_apart", "_process", "_is_bound",
        "_is_read", "__weakref__",
    )  # fmt: skip

    _interpreter_ends = staticmethod(sys.is_finalizing)

    def __init__(
        self,
        stream: Stream,
        slots: Slots,
        client: Hashable,
        watches_client: bool,
        worker: Any = None,
        refusal: Optional[Exception] = None,
        unread: Optional[Unread] = None,
    ) -> None:
        self._apart: Optional[Callable[[Callable[[], None]], object]] = None
        if not stream.take():
            _refuse_another_reader()
        self._stream = stream
        self._slots = slots
        self._client = client
        self._watches_client = watches_client
        self._worker = worker
        self._refusal = refusal
        self._unread = unread
        self._is_received = False
        self._environ: Dict[str, Any] = {}
        self._start: Optional[Start] = None
        self._instead: Iterable[bytes] = ()
        self._closing: Callable[[], None] = _nothing
        self._connection: Optional[Connection] = None
        self._process = os.getpid()
        self._is_bound = _allocate_lock()  # never waited for: to take it is to be the first
        self._is_read = _allocate_lock()
        self._apart = apart()

    def bind(
        self, environ: Dict[str, Any], start: Start, closing: Callable[[], None]
    ) -> None:
        """Give it what the server calls it with.

        :param start: sends the headers.
        :param closing: called once when the server has closed the body.
        :raises RuntimeError: another server has it.
        """
        if not self._is_bound.acquire(False):
            _refuse_another_reader()
        self._environ = environ
        self._start = start
        self._closing = closing

    def __iter__(self) -> Iterator[bytes]:
        """
        :raises RuntimeError: somebody reads it, or has read it.
        """
        if not self._is_read.acquire(False):
            _refuse_another_reader()
        return self._blocks()

    def _blocks(self) -> Iterator[bytes]:
        first = self._begin()
        if first:
            yield first
        yield from self._instead
        stream, connection, patience = self._stream, self._connection, self._patience
        receive = stream.receive
        try:
            while connection is not None:
                block = receive(patience)
                if block is None:
                    break
                if not block:
                    if patience is None:  # nothing was waited out: a frame came at the very end
                        continue
                    if self._process != os.getpid():  # a forked child's copy has nothing to say
                        return
                    block = stream.format.heartbeat()
                    if not block:
                        continue
                    connection.others += 1
                yield block
        except Exception as error:  # a format's own
            stream.break_off(error)
        last = self._end()
        if last:
            yield last
        self._let_go()  # all was taken; a test client closes late or never

    def close(self) -> None:
        """What the server calls at the end, whatever the end was."""
        self._is_bound.acquire(False)  # nobody is to begin now
        self._is_read.acquire(False)
        self._unread = None
        close = getattr(self._instead, "close", _nothing)
        closing, self._closing = self._closing, _nothing
        try:
            self._let_go()
        finally:
            try:
                close()
            finally:
                closing()

    def __del__(self) -> None:
        # On any thread, between any two steps of any code: so the work is handed over. Before
        # anything of it was open, dropping it is enough.
        if self._interpreter_ends():  # and has taken its modules apart
            return
        if self._apart is not None and self._stream.is_open and self._process == os.getpid():
            with suppress(RuntimeError, ValueError):  # the interpreter ends, or the hub has ended
                self._apart(partial(_drop, self._stream, self._connection))

    def __reduce__(self) -> NoReturn:
        raise TypeError("a response that streams can't be kept: cache what it is made of")

    def _let_go(self) -> None:
        self._apart = None
        if self._process == os.getpid():  # in a forked child all of it is the parent's
            _let_go(self._stream, self._connection)

    # How it begins.

    def _begin(self) -> bytes:
        """Start everything, and send the status; the first block, or what failed in its place."""
        stream = self._stream
        error: Optional[BaseException] = self._received() or self._refusal or self._began()
        block: Optional[bytes] = b""
        if error is None:
            block = self._first()
            error = stream.trouble if block is None else None
        if error is not None:
            return self._fail(error)
        if self._start is not None:
            self._start.stream()
        if self._connection is not None and not stream.format.tells_its_end:
            self._connection.guard()
        opening = b"" if stream.reason == "disconnect" else self._opening()
        return self._counted(opening + (block or b""))

    def _received(self) -> Optional[Exception]:
        """Have the request whole before anything else begins; or why that can't be."""
        stream = self._stream
        try:
            self._is_received = self._unread is None or self._unread.read_ahead()
        except Exception as error:
            log.warning("stream %s of %s: its request can't be read", stream.id, stream.name)
            return error
        return None

    def _began(self) -> Optional[Exception]:
        """Start everything; or why that can't be."""
        stream = self._stream
        try:
            here = habitat(stream.options.worker)
            refusal = self._slots.acquire(stream, self._client)
            if refusal is not None:
                log.warning("stream %s of %s found no slot", stream.id, stream.name)
                return refusal
            self._start_in(here)
        except Exception as error:
            log.exception("stream %s of %s could not start", stream.id, stream.name)
            return error
        return None

    def _start_in(self, here: Habitat) -> None:
        stream = self._stream
        self._process = os.getpid()  # made before a fork, read behind it
        stream.start(here, partial(_release, self._slots, self._unread), self._worker)
        gone = partial(stream.end, "disconnect")
        self._connection = Connection(
            self._environ, here, gone, stream.options.send_timeout, stream.delivery.handed
        )
        if Overflow.named(stream.options.overflow) is not Overflow.BLOCK:
            self._connection.limit_unsent()
        if self._watches_client:
            self._connection.watch()

    def _fail(self, error: BaseException) -> bytes:
        stream = self._stream
        failure = stream.failure_of(error)
        self._let_go()
        self._connection = None
        if self._start is not None:
            asks = _FAILED not in self._environ
            self._environ[_FAILED] = True
            answer = stream.answer(error, failure) if asks else failure_response(failure)
            self._instead = self._start.instead(answer)
            return b""
        if not stream.format.tells_its_end:
            raise _no_words()
        # behind a wrapper, which has the status sent already
        return stream.format.failure(failure, self._last_id())

    def _first(self) -> Optional[bytes]:
        """The first block; ``b""`` where the answer begins without, ``None`` at its end."""
        block: Optional[bytes] = b""
        while block == b"" and not self._is_received:
            block = self._held(LOOK_SECONDS)
            self._received()
        hold = self._hold()
        return self._held(hold) if block == b"" and hold != 0 else block

    def _held(self, hold: Optional[float]) -> Optional[bytes]:
        try:
            return self._stream.receive(hold)
        except Exception as error:  # a format's own
            self._stream.break_off(error)
            return None

    def _opening(self) -> bytes:
        options = self._stream.options
        comment = "" if options.heartbeat else None
        event_id = opening_id(self._stream.id) if options.reconnect == "refuse" else None
        return self._framed(partial(self._stream.format.opening, comment, event_id)) or b""

    def _hold(self) -> Optional[float]:
        options = self._stream.options
        if self._stream.format.is_whole:
            return None
        if not self._stream.format.is_event_stream:
            return options.hold
        return min(options.hold, options.heartbeat or options.hold)

    @property
    def _patience(self) -> Optional[float]:
        """Seconds of silence before a heartbeat."""
        stream = self._stream
        return stream.options.heartbeat or None if stream.format.is_event_stream else None

    # How it ends.

    def _end(self) -> bytes:
        if self._connection is None:
            return b""
        self._connection.unwatch()
        last = None if self._looks_whole_but_is_not() else self._last_frame()
        if last is None or self._looks_whole_but_is_not():  # it may have failed only now
            self._cut(self._connection)
            return b""
        self._connection.release()
        return self._counted(last)

    def _looks_whole_but_is_not(self) -> bool:
        """Would an end that the server makes now be taken for the answer's?"""
        stream = self._stream
        if stream.reason == "disconnect":  # or a reader who has closed its sending side alone
            return True
        well = stream.reason == "complete" and stream.told is None
        return not well and not stream.format.tells_its_end

    def _cut(self, connection: Connection) -> None:
        """
        :raises StreamError: this server does not show its client's socket. An exception has the
            server end the connection itself.
        """
        if self._stream.reason != "disconnect":
            connection.let_take()
        if not connection.cut() and self._stream.reason != "disconnect":
            raise _no_words()

    def _last_frame(self) -> Optional[bytes]:
        """The frame of its end; where its format can't make that, the one of a failure; ``None``
        where it can't make that either."""
        stream, last = self._stream, None
        if stream.told is None:
            ending = Ending(stream.reason or "complete", stream.delivery.usage)
            last = self._framed(partial(stream.format.ending, ending, self._last_id()))
        if stream.told is not None:
            last = self._framed(partial(self._failure_frame, stream.told))
        return last

    def _failure_frame(self, failure: Failure) -> bytes:
        wire = self._stream.format
        goes_on = self._stream.reason == "shutdown" and self._comes_back()
        return wire.farewell(failure) if goes_on else wire.failure(failure, self._last_id())

    def _framed(self, make: Callable[[], bytes]) -> Optional[bytes]:
        """A frame of the stream's format, which may be an application's own; ``None`` where it
        raises, and the stream ends for that if it had not."""
        try:
            frame = make()
            if not isinstance(frame, bytes):
                raise TypeError(f"a format has to give bytes, not {type(frame).__name__}")
            return frame
        except (KeyboardInterrupt, SystemExit):
            raise
        except BaseException as error:
            self._stream.break_off(error)
            return None

    def _last_id(self) -> Optional[str]:
        """What tells a returning reader's request that there is no more; not after a cut."""
        stream = self._stream
        if self._comes_back() or stream.reason == "shutdown":
            return None
        return ended_id(stream.id)

    def _comes_back(self) -> bool:
        """Is the stream to be run again for a reader who comes back?"""
        stream = self._stream
        return stream.options.reconnect != "refuse" or stream.format.has_own_ids

    def _counted(self, block: bytes) -> bytes:
        if self._connection is not None:
            self._connection.others += 1
        return block


class Given:
    """What a response has in its body's place once a server has that: nothing for another."""

    def __iter__(self) -> Iterator[bytes]:
        _refuse_another_reader()


def _refuse_another_reader() -> NoReturn:
    raise RuntimeError(
        "a stream is read once, by one request, and this one has its reader: make a stream for each"
    )


def _release(slots: Slots, unread: Optional[Unread], stream: Stream) -> None:
    """Its producer has ended: what that could read of the request is held no longer, either."""
    slots.release(stream)


def _let_go(stream: Stream, connection: Optional[Connection]) -> None:
    """Nobody reads it any more. Where it was read, or on a thread where it was read on one."""
    try:
        if connection is not None:
            connection.close()
    finally:
        stream.abandon()


def _drop(stream: Stream, connection: Optional[Connection]) -> None:
    """The same, late: somebody else's answer may come over the connection by now."""
    if connection is not None:
        connection.release()
    _let_go(stream, connection)


def _no_words() -> StreamError:
    return StreamError("the stream has failed, and its format has no words for that")


def opening_id(stream_id: str) -> str:
    """The last event ID of a reader who has seen the opening and no end."""
    return f"{stream_id}:0"


def ended_id(stream_id: str) -> str:
    """The last event ID of a reader who has seen the end."""
    return f"{stream_id}:ended"


def _nothing() -> None:
    """Nobody else is to be told that the body was closed."""

"""The WSGI body of a stream: it starts everything at its first ``__next__``.

Floor 3. PEP 3333 lets an application call ``start_response`` as late as the body's first block,
so the status can wait for the first item, and a body that is never read leaves nothing behind.
"""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from functools import partial
from typing import Callable, Hashable, Iterable, Iterator, Optional

from ..channel.overflow import Overflow
from ..connection.connection import Connection
from ..exceptions.steps import run_all
from ..log import log
from ..runtime.runtime import Runtime, runtime_for, spawner
from ..stream.frames import failure_frame, opening_frame
from ..stream.limits import StreamLimiter
from ..stream.stream import Stream
from .body_end import drop, end, let_go, no_words
from .failure_response import failure_response
from .read_once import OneReader, nothing, refuse_another_reader
from .request_body import Unread

LOOK_SECONDS = 1.0
"""How often it looks whether what was not read in advance of a request has been read."""

_FAILED = "flask_llmstream.failed"
"""In a request's ``environ`` once a stream of it has failed: the answer to that may be a stream."""


class StreamBody(OneReader):
    """The WSGI iterable of one stream. One request reads it, once, on one thread or greenlet.

    Where it is dropped without a ``close()``, its stream ends as a plain generator would.

    :param stream: not started yet, and nobody else's.
    :param slots: where the stream takes its slot.
    :param client: whose it counts as, where clients have limits of their own.
    :param watches_client: whether the client's socket is watched.
    :param refusal: what is answered in its place, where it is not to run at all.
    :param unread: the body of its request, where that has one.
    :raises RuntimeError: the stream has a body already.
    """

    __slots__ = (
        "_stream", "_slots", "_client", "_watches_client", "_refusal", "_unread",
        "_is_received", "_begun_with", "_instead", "_connection", "_spawn", "_process",
        "__weakref__",
    )  # fmt: skip

    _interpreter_ends = staticmethod(sys.is_finalizing)

    def __init__(
        self,
        stream: Stream,
        slots: StreamLimiter,
        client: Hashable,
        watches_client: bool,
        refusal: Optional[Exception] = None,
        unread: Optional[Unread] = None,
    ) -> None:
        self._spawn: Optional[Callable[[Callable[[], None]], object]] = None
        if not stream.take():
            refuse_another_reader()
        super().__init__()
        self._stream = stream
        self._slots = slots
        self._client = client
        self._watches_client = watches_client
        self._refusal = refusal
        self._unread = unread
        self._is_received = False
        self._begun_with: Optional[bytes] = None
        self._instead: Iterable[bytes] = ()
        self._connection: Optional[Connection] = None
        self._process = os.getpid()
        self._spawn = spawner()

    def _blocks(self) -> Iterator[bytes]:
        first, self._begun_with = self._begun_with, b""
        if first is None:
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
                    connection.control_blocks += 1
                yield block
        except Exception as error:  # a format's own
            stream.break_off(error)
        last = b"" if self._connection is None else end(stream, self._connection)
        if last:
            yield last
        self._let_go()  # all was taken; a test client closes late or never

    def begin(self) -> None:
        """Begin before it is read, unless somebody reads it or has closed it: for a server that
        takes no start later. Its first block is kept."""
        if hasattr(self, "_is_unread"):
            self._begun_with = self._begin()

    def close(self) -> None:
        """What the server calls at the end, whatever the end was."""
        self._refuse_readers()
        self._unread = None
        close = getattr(self._instead, "close", nothing)
        closing, self._closing = self._closing, nothing
        run_all(self._let_go, close, closing)

    def __del__(self) -> None:
        # On any thread, between any two steps of any code: so the work is handed over. Before
        # anything of it was open, dropping it is enough.
        if self._interpreter_ends():  # and has taken its modules apart
            return
        if self._spawn is not None and self._stream.is_open and self._process == os.getpid():
            with suppress(RuntimeError, ValueError):  # the interpreter ends, or the hub has ended
                self._spawn(partial(drop, self._stream, self._connection))

    def _let_go(self) -> None:
        if self._spawn is None:  # it was let go of before
            return
        self._spawn = None
        if self._process == os.getpid():  # in a forked child all of it is the parent's
            let_go(self._stream, self._connection)

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
            try:
                return self._fail(error)
            finally:
                error = None  # this frame is behind those of its traceback: a cycle
        if self._start is not None:
            self._start.stream()
        if self._connection is not None and not stream.format.tells_its_end:
            self._connection.guard()
        opening = b"" if stream.reason == "disconnect" else opening_frame(stream)
        if self._connection is not None:
            self._connection.control_blocks += 1
        return opening + (block or b"")

    def _received(self) -> Optional[Exception]:
        """Have the request whole before anything else begins; or why that can't be."""
        if self._unread is None:
            self._is_received = True
            return None
        try:
            self._is_received = self._unread.read_ahead()
        except Exception as error:
            stream = self._stream
            log.warning("stream %s of %s: its request can't be read", stream.id, stream.name)
            return error
        return None

    def _began(self) -> Optional[Exception]:
        """Start everything; or why that can't be."""
        stream = self._stream
        try:
            runtime = runtime_for(stream.options.worker)
            refusal = self._slots.acquire(stream, self._client)
            if refusal is not None:
                log.warning("stream %s of %s found no slot", stream.id, stream.name)
                return refusal
            self._start_in(runtime)
        except Exception as error:
            log.exception("stream %s of %s could not start", stream.id, stream.name)
            return error
        return None

    def _start_in(self, runtime: Runtime) -> None:
        stream = self._stream
        self._process = os.getpid()  # made before a fork, read behind it
        release = self._slots.release
        if self._unread is not None:
            release = partial(_release, self._slots, self._unread)
        stream.start(runtime, release)
        self._connection = Connection(
            self._environ,
            runtime,
            stream.leave,
            stream.options.send_timeout,
            stream.sink.received_items,
        )
        if stream.sink.strategy is not Overflow.BLOCK:
            self._connection.limit_unsent()
        if self._watches_client:
            self._connection.watch()

    def _fail(self, error: BaseException) -> bytes:
        stream = self._stream
        failure = stream.error_info_of(error)
        self._let_go()
        self._connection = None
        if self._start is not None:
            asks = _FAILED not in self._environ
            self._environ[_FAILED] = True
            answer = stream.answer(error, failure) if asks else failure_response(failure)
            self._instead = self._start.instead(answer)
            return b""
        if not stream.format.tells_its_end:
            raise no_words()
        # behind a wrapper, which has the status sent already
        return failure_frame(stream, failure)

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


def _release(slots: StreamLimiter, unread: Optional[Unread], stream: Stream) -> None:
    """Its producer has ended: what that could read of the request is held no longer, either."""
    slots.release(stream)

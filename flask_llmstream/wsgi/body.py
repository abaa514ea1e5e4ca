"""``StreamBody``: the WSGI body of a stream. It starts everything at its first ``__next__``.

PEP 3333 lets an application call ``start_response`` as late as the body's first block. So the
status can wait for the first item, and a body that is never read leaves nothing behind.
"""

from __future__ import annotations

import sys
from contextlib import suppress
from functools import partial
from typing import Callable, Hashable, Iterable, Iterator, Optional

from ..channel.channel import BLOCK_BYTES
from ..channel.overflow import Overflow
from ..connection.connection import Connection
from ..errors import StreamError
from ..log import log
from ..runtime.process import this_process
from ..runtime.runtime import Runtime, runtime_for, spawner
from ..stream.frames import failure_frame
from ..stream.limits import StreamLimiter
from ..stream.stream import Stream
from .body_end import close_lost_stream, close_stream, cut, cut_error, last_block
from .body_start import (
    heartbeat,
    heartbeat_seconds,
    hold_seconds,
    new_connection,
    opening_of,
    release_slot,
)
from .failure_response import failure_response
from .read_once import ReadOnceBody, call_each, do_nothing, refuse_second_reader
from .request_body import UnreadBody
from .returning_reader import or_send_off

LOOK_SECONDS = 1.0
"""How long it waits before it looks again whether the rest of a large request has been read."""

_FAILED = "flask_llmstream.failed"
"""Set in a request's ``environ`` when its stream has failed. The response to that failure may be a
stream too; if that one also fails, the app's error handlers are not asked again."""


class StreamBody(ReadOnceBody):
    """The WSGI iterable of one stream. One request reads it, once, on one thread or greenlet.

    If it is dropped without a ``close()``, its stream ends as a plain generator would.

    :param stream: a stream that has not started and has no body.
    :param slots: where the stream takes its slot.
    :param client: the client that the stream counts for, where there are limits per client.
    :param watches_client: whether the client's socket is watched.
    :param refusal: the error that is answered in place of the stream. Default: the stream runs.
    :param unread: the body of the request, if it has one.
    :raises RuntimeError: the stream has a body already.
    """

    __slots__ = (
        "_stream", "_slots", "_client", "_watches_client", "_refusal", "_unread",
        "_request_is_read", "_first_block", "_error_body", "_connection", "_spawn", "_process",
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
        unread: Optional[UnreadBody] = None,
    ) -> None:
        self._spawn: Optional[Callable[[Callable[[], None]], object]] = None
        if not stream.take():
            refuse_second_reader()
        super().__init__()
        self._stream = stream
        self._slots = slots
        self._client = client
        self._watches_client = watches_client
        self._refusal = refusal
        self._unread = unread
        self._request_is_read = unread is None
        self._first_block: Optional[bytes] = None
        self._error_body: Iterable[bytes] = ()
        self._connection: Optional[Connection] = None
        self._process = this_process()
        self._spawn = spawner()

    def _blocks(self) -> Iterator[bytes]:
        pending, self._first_block = self._first_block, b""
        if pending is None:
            pending = self._begin()
        stream, connection = self._stream, self._connection
        if connection is None:
            yield from self._failure_blocks(pending)
            return
        silence = heartbeat_seconds(stream)
        receive = stream.receive
        try:
            while True:
                # Nothing is waited for after the end, so the last block goes out with it.
                if pending and (stream.reason is None or len(pending) >= BLOCK_BYTES):
                    yield pending
                    pending = b""
                block = receive(silence)
                if block is None:
                    break
                if not block and silence is not None:  # otherwise a frame came just before the end
                    if self._process is not this_process():  # a forked child's copy sends nothing
                        return
                    block = heartbeat(stream, connection)
                pending += block
        except Exception as error:  # raised by the format
            stream.break_off(error)
        connection.unwatch()
        last = last_block(stream, connection)
        if pending or last:
            yield pending + (last or b"")
        if last is None:
            cut(stream, connection)
        else:
            connection.release()  # only here: the server has written the last block
        self._close_stream()  # not only in close(): a test client closes late or never

    def _failure_blocks(self, first: bytes) -> Iterator[bytes]:
        if first:
            yield first
        yield from self._error_body
        self._close_stream()

    def begin(self) -> None:
        """Begin before the body is read, unless it has a reader or is closed. The first block is
        kept for the reader. For a server that takes the status no later."""
        if hasattr(self, "_is_unread"):
            self._first_block = self._begin()

    def close(self) -> None:
        """Called by the server at the end, after success and after failure."""
        self._refuse_readers()
        self._unread = None
        closing, self._closing = self._closing, ()
        try:
            self._close_stream()
        finally:
            try:
                getattr(self._error_body, "close", do_nothing)()
            finally:
                call_each(closing)

    def __del__(self) -> None:
        # This may run on any thread, between any two steps of any code. So a stream that is open
        # is closed elsewhere. A stream that was never open has nothing to close.
        if self._interpreter_ends():  # modules may be taken apart already
            return
        if self._spawn is not None and self._stream.is_open and self._process is this_process():
            with suppress(RuntimeError, ValueError):  # the interpreter ends, or the hub has ended
                self._spawn(partial(close_lost_stream, self._stream, self._connection))

    def _close_stream(self) -> None:
        if self._spawn is None:  # closed already
            return
        self._spawn = None
        if self._process is this_process():  # in a forked child, the stream is the parent's
            close_stream(self._stream, self._connection)

    # How it begins.

    def _begin(self) -> bytes:
        """Start everything and send the status.

        :returns: the first block: the stream's, or the one that reports a failure.
        """
        stream = self._stream
        error: Optional[BaseException] = None if self._request_is_read else self._read_request()
        error = error or self._refusal or self._start_stream()
        block: Optional[bytes] = b""
        if error is None:
            block = self._await_first_block()
            error = stream.trouble if block is None else None
        if error is not None:
            try:
                return self._fail(error)
            finally:
                error = None  # its traceback holds this frame: a cycle
        if self._start is not None:
            self._start.as_stream()
            self._start = None  # its headers are sent; the stream may last for hours
        if self._connection is not None and not stream.format.tells_its_end:
            self._connection.guard()
        opening = b"" if stream.has_lost_reader else opening_of(stream)
        if self._connection is not None:
            self._connection.control_blocks += 1
        return opening + (block or b"")

    def _read_request(self) -> Optional[Exception]:
        """Read the whole request before anything else begins.

        :returns: the error that prevents it.
        """
        try:
            self._request_is_read = self._unread is None or self._unread.read_ahead()
        except Exception as error:
            stream = self._stream
            log.warning("stream %s of %s: its request can't be read", stream.id, stream.name)
            return error
        return None

    def _start_stream(self) -> Optional[Exception]:
        """Take a slot, and start the stream.

        :returns: the error that prevents it.
        """
        stream = self._stream
        try:
            runtime = runtime_for(stream.options.worker)
            refusal = self._slots.acquire(stream, self._client)
            if refusal is not None:
                log.warning("stream %s of %s found no slot", stream.id, stream.name)
                return refusal
            self._start_in(runtime)
        except StreamError as error:  # raised on purpose
            log.warning("stream %s of %s could not start: %s", stream.id, stream.name, error)
            return error
        except Exception as error:
            log.exception("stream %s of %s could not start", stream.id, stream.name)
            return error
        return None

    def _start_in(self, runtime: Runtime) -> None:
        stream = self._stream
        self._process = this_process()  # the process may have forked since __init__
        release = self._slots.release
        if self._unread is not None:
            release = partial(release_slot, self._slots, self._unread)
        stream.start(runtime, release)
        self._connection = new_connection(stream, self._environ, runtime)
        if stream.sink.strategy is not Overflow.BLOCK:
            self._connection.limit_unsent()
        stream.give_turn()
        if self._watches_client and stream.reason is None:
            self._connection.watch()

    def _fail(self, error: BaseException) -> bytes:
        stream = self._stream
        failure = stream.error_info_of(error)
        self._close_stream()
        self._connection = None
        if self._start is not None:
            asks = _FAILED not in self._environ
            self._environ[_FAILED] = True
            own = partial(failure_response, failure, self._environ)
            answer = or_send_off(stream.answer(error, failure) if asks else own(), self._environ)
            self._error_body = self._start.as_response(answer, stream.format.headers)
            return b""
        if not stream.format.tells_its_end:
            raise cut_error()
        # The body was never bound: a wrapper reads it, which has sent the status already.
        return failure_frame(stream, failure)

    def _await_first_block(self) -> Optional[bytes]:
        """Wait for the first block.

        :returns: ``b""`` if the answer begins without one, ``None`` if the stream has ended.
        """
        block: Optional[bytes] = b""
        while block == b"" and not self._request_is_read:
            block = self._receive(LOOK_SECONDS)
            self._read_request()
        hold = hold_seconds(self._stream)
        return self._receive(hold) if block == b"" and hold != 0 else block

    def _receive(self, seconds: Optional[float]) -> Optional[bytes]:
        try:
            return self._stream.receive(seconds)
        except Exception as error:  # raised by the format
            self._stream.break_off(error)
            return None

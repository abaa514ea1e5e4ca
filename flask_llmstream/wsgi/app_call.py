"""``WSGICall``: one call of a WSGI app, made, iterated and closed on one worker.

Floor 2: gevent, through the worker. What an app gives may need the thread or greenlet that it was
called on (``stream_with_context``, a connection to a database), so none of it leaves that.
"""

from __future__ import annotations

from functools import partial
from itertools import chain, islice
from typing import Any, Callable, Iterable, Iterator, Optional, Tuple

from ..log import log
from ..runtime.runtime import Runtime
from .lockstep import Lockstep
from .types import Environ, Headers, StartResponse, WSGIApp


class WSGICall:
    """One call of an app on a worker, in lock step with the server's own thread or greenlet.

    What the app starts its response with is told to the server by :meth:`forward`, or when the app
    insists: it writes, or starts once more.

    :param name: what the log calls it.
    :ivar start: what the app started its response with, until the server is told.
    """

    __slots__ = (
        "start", "name", "_app", "_environ", "_start_response", "_write", "_lockstep",
        "_at_server", "_keeps_start", "_iterable", "_iterator", "__weakref__",
    )  # fmt: skip

    def __init__(
        self,
        app: WSGIApp,
        environ: Environ,
        start_response: StartResponse,
        runtime: Runtime,
        name: str,
    ) -> None:
        self.start: Any = None
        self.name = name
        self._app = app
        self._environ = environ
        self._start_response = start_response
        self._write: Callable[[bytes], Any] = _not_started
        self._lockstep = Lockstep(runtime, name, self._close_quietly)
        self._at_server: Callable[[Callable[[], Any]], Any] = self._lockstep.back
        self._keeps_start = True
        self._iterable: Any = ()
        self._iterator: Optional[Iterator[bytes]] = None

    # Called by the server's side.

    def make(self) -> Iterable[bytes]:
        """Call the app.

        :returns: its iterable, which is not for this side to iterate unless it is :meth:`let_go`.
        """
        iterable: Iterable[bytes] = self._begin(self._call_app)
        return iterable

    def begin(self) -> None:
        """Have an app that starts its response late give its first block."""
        if self._keeps_start:
            self._begin(self._peek)

    def _begin(self, step: Callable[[], Any]) -> Any:
        try:
            return self._lockstep.run(step)
        except BaseException:
            self.leave()
            raise

    def forward(self) -> None:
        """Tell the server what the app started its response with."""
        start, self.start = self.start, None
        if start is not None:
            self._write = self._start_response(*start)

    def let_go(self) -> None:
        """The worker has done its part: the server iterates and closes by itself."""
        self._keeps_start, self._at_server = False, _at_once
        self._lockstep.end(_nothing)
        self.forward()

    def next_block(self) -> bytes:
        """The next block, as the app gives it."""
        block: bytes = self._lockstep.run(self._next)
        return block

    def close(self) -> None:
        """Close the app's iterable, once, and wait for it."""
        if not self._lockstep.is_over:
            try:
                self._lockstep.run(self.close_here)
            finally:
                self._lockstep.end(_nothing)

    def leave(self) -> None:
        """Have the app's iterable closed, without waiting. Harmless when the worker has ended."""
        self._lockstep.end(self._close_quietly)

    def hand_over(self) -> "Tuple[Blocks, WaitingWorker]":
        """A source for a stream, and the worker for it, which waits for the stream's start."""
        self.start = None
        self._at_server, self._start_response, self._write = _at_once, _has_started, _not_started
        return Blocks(self), WaitingWorker(self._lockstep)

    # Called by the app, on the worker.

    def start_response(self, status: str, headers: Headers, exc_info: Any = None) -> Any:
        """WSGI's ``start_response``."""
        start = (status, headers) if exc_info is None else (status, headers, exc_info)
        if self._keeps_start:
            self._keeps_start, self.start = False, start
        else:
            self._at_server(lambda: self._start_again(start))
        return self.write

    def write(self, data: bytes) -> None:
        """WSGI's ``write``: an app that uses it is never a stream."""
        self._at_server(lambda: self._write_there(data))

    def _start_again(self, start: Any) -> None:
        self.forward()
        self._write = self._start_response(*start)

    def _write_there(self, data: bytes) -> None:
        self.forward()
        self._write(data)

    # Runs on the worker.

    def _call_app(self) -> Iterable[bytes]:
        environ, self._environ = self._environ, {}
        wrapper = environ.get("wsgi.file_wrapper")
        if wrapper is not None and not isinstance(wrapper, type):
            # uWSGI's is a function that knows its request by the thread.
            environ["wsgi.file_wrapper"] = partial(self._wrapped_file, wrapper)
        iterable = self._iterable = self._app(environ, self.start_response)
        return iterable

    def _wrapped_file(self, wrapper: Callable[..., Any], *arguments: Any) -> Any:
        return self._at_server(lambda: wrapper(*arguments))

    def _peek(self) -> None:
        iterator = iter(self._iterable)
        self._iterator = chain(list(islice(iterator, 1)), iterator)

    def _next(self) -> bytes:
        if self._iterator is None:
            self._iterator = iter(self._iterable)
        return next(self._iterator)

    def blocks(self) -> Iterator[bytes]:
        """What is left of its blocks, by an iterator that has nothing to close."""
        return chain(self._iterable if self._iterator is None else self._iterator)

    def close_here(self) -> None:
        """Close the app's iterable; only the first call counts."""
        iterable, self._iterable, self._iterator = self._iterable, (), None
        close = getattr(iterable, "close", None)
        if close is not None:
            close()

    def _close_quietly(self) -> None:
        # There is nobody left to raise it to.
        log.isolated(self.close_here, "%s failed when it was closed", self.name)


class PassedOn:
    """An app's iterable, for the server, block by block as it is."""

    def __init__(self, call: WSGICall) -> None:
        self._call = call

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        return self._call.next_block()

    def close(self) -> None:
        """What the server calls at the end."""
        self._call.close()

    def __del__(self) -> None:
        self._call.leave()  # where the server did not


class Blocks:
    """An app's blocks, as the source of a stream: iterated and closed on the app's own worker."""

    def __init__(self, call: WSGICall) -> None:
        self._call = call
        self._is_iterated = False

    def __iter__(self) -> Iterator[bytes]:
        self._is_iterated = True
        return self._call.blocks()

    def close(self) -> None:
        """Close the app's iterable: here, on the worker, or there, where no stream began."""
        if self._is_iterated:
            self._call.close_here()
        else:
            self._call.leave()

    def __del__(self) -> None:
        self.close()  # where the server forgot the stream unread


class WaitingWorker:
    """The worker that an app was called on, for the stream that is to run there, too."""

    def __init__(self, lockstep: Lockstep) -> None:
        self.start = lockstep.end
        self.drive = lockstep.worker.drive
        self.stop = lockstep.worker.stop


def _nothing() -> None:
    """Nothing is left to be done."""


def _at_once(call: Callable[[], Any]) -> Any:
    return call()


def _not_started(data: bytes) -> None:
    raise AssertionError("write() before start_response(), or in an event stream")


def _has_started(status: str, headers: Headers, exc_info: Any = None) -> None:
    """What a server does once its client has the headers (PEP 3333)."""
    if exc_info is None:
        raise AssertionError("the response was started already")
    try:
        raise exc_info[1].with_traceback(exc_info[2])
    finally:
        exc_info = None

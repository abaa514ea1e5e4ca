"""``WSGICall``: one call of a WSGI app, on one worker.

The app's iterable may need the thread or greenlet that the app was called on (for
``stream_with_context``, or a connection to a database). So that worker iterates and closes it.
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

    The arguments with which the app called ``start_response`` are passed to the server by
    :meth:`forward`, or at once if the app calls ``write()`` or ``start_response`` again.

    :param name: the name of the call in the log.
    :ivar start: the app's arguments for ``start_response``; ``None`` before the app has started
        its response, and after they are passed to the server.
    """

    __slots__ = (
        "start", "name", "_app", "_environ", "_start_response", "_write", "_lockstep",
        "_run_at_server", "_keeps_start", "_iterable", "_iterator", "__weakref__",
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
        self._run_at_server: Callable[[Callable[[], Any]], Any] = self._lockstep.run_at_caller
        self._keeps_start = True
        self._iterable: Any = ()
        self._iterator: Optional[Iterator[bytes]] = None

    # Called on the server's thread or greenlet.

    def call(self) -> Iterable[bytes]:
        """Call the app.

        :returns: the app's iterable. It must not be iterated here, except after
            :meth:`release_worker`.
        """
        iterable: Iterable[bytes] = self._run_or_close(self._call_app)
        return iterable

    def await_start(self) -> None:
        """Wait until the app has started its response. An app that starts it late has to make its
        first block for that."""
        if self._keeps_start:
            self._run_or_close(self._peek)

    def _run_or_close(self, step: Callable[[], Any]) -> Any:
        try:
            return self._lockstep.run(step)
        except BaseException:
            self.close_soon()
            raise

    def forward(self) -> None:
        """Call the server's ``start_response`` as the app did."""
        start, self.start = self.start, None
        if start is not None:
            self._write = self._start_response(*start)

    def release_worker(self) -> None:
        """End the worker. From here on the server iterates and closes the iterable by itself."""
        self._keeps_start, self._run_at_server = False, _at_once
        self._lockstep.end(_do_nothing)
        self.forward()

    def next_block(self) -> bytes:
        """The app's next block."""
        block: bytes = self._lockstep.run(self._next)
        return block

    def close(self) -> None:
        """Close the app's iterable on the worker, and wait for that. Only the first call counts."""
        if not self._lockstep.is_over:
            try:
                self._lockstep.run(self.close_here)
            finally:
                self._lockstep.end(_do_nothing)

    def close_soon(self) -> None:
        """Close the app's iterable on the worker, without waiting. Harmless if the worker has
        ended."""
        self._lockstep.end(self._close_quietly)

    def hand_over(self) -> "Tuple[BlockSource, WaitingWorker]":
        """Make a source for a stream, and its worker, which waits for the stream's start."""
        self.start = None
        self._run_at_server = _at_once
        self._start_response, self._write = _has_started, _not_started
        return BlockSource(self), WaitingWorker(self._lockstep)

    # Called by the app on the worker.

    def start_response(self, status: str, headers: Headers, exc_info: Any = None) -> Any:
        """WSGI's ``start_response``."""
        start = (status, headers) if exc_info is None else (status, headers, exc_info)
        if self._keeps_start:
            self._keeps_start, self.start = False, start
        else:
            self._run_at_server(lambda: self._start_again(start))
        return self.write

    def write(self, data: bytes) -> None:
        """WSGI's ``write``. A response that uses it is never made a stream."""
        self._run_at_server(lambda: self._write_at_server(data))

    def _start_again(self, start: Any) -> None:
        self.forward()
        self._write = self._start_response(*start)

    def _write_at_server(self, data: bytes) -> None:
        self.forward()
        self._write(data)

    # Run on the worker.

    def _call_app(self) -> Iterable[bytes]:
        environ, self._environ = self._environ, {}
        wrapper = environ.get("wsgi.file_wrapper")
        if wrapper is not None and not isinstance(wrapper, type):
            # uWSGI's is a function that finds its request by the current thread.
            environ["wsgi.file_wrapper"] = partial(self._wrapped_file, wrapper)
        iterable = self._iterable = self._app(environ, self.start_response)
        return iterable

    def _wrapped_file(self, wrapper: Callable[..., Any], *arguments: Any) -> Any:
        return self._run_at_server(lambda: wrapper(*arguments))

    def _peek(self) -> None:
        iterator = iter(self._iterable)
        self._iterator = chain(list(islice(iterator, 1)), iterator)

    def _next(self) -> bytes:
        if self._iterator is None:
            self._iterator = iter(self._iterable)
        return next(self._iterator)

    def blocks(self) -> Iterator[bytes]:
        """The blocks that are left, as an iterator without a ``close()``."""
        return chain(self._iterable if self._iterator is None else self._iterator)

    def close_here(self) -> None:
        """Close the app's iterable on this worker. Only the first call counts."""
        iterable, self._iterable, self._iterator = self._iterable, (), None
        close = getattr(iterable, "close", None)
        if close is not None:
            close()

    def _close_quietly(self) -> None:
        # No caller is left to raise an exception to.
        log.isolated(self.close_here, "%s failed when it was closed", self.name)


class PassedThrough:
    """An app's iterable for the server: the blocks are made on the worker, and not changed."""

    def __init__(self, call: WSGICall) -> None:
        self._call = call

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        return self._call.next_block()

    def close(self) -> None:
        """Called by the server at the end."""
        self._call.close()

    def __del__(self) -> None:
        self._call.close_soon()  # if the server did not call close()


class BlockSource:
    """An app's blocks as the source of a stream. They are iterated and closed on the app's own
    worker."""

    def __init__(self, call: WSGICall) -> None:
        self._call = call
        self._is_iterated = False

    def __iter__(self) -> Iterator[bytes]:
        self._is_iterated = True
        return self._call.blocks()

    def close(self) -> None:
        """Close the app's iterable on the worker: that is here once a stream has begun."""
        if self._is_iterated:
            self._call.close_here()
        else:
            self._call.close_soon()

    def __del__(self) -> None:
        self.close()  # if the server dropped the stream without reading it


class WaitingWorker:
    """The worker that an app was called on, for the stream that must run there too."""

    def __init__(self, lockstep: Lockstep) -> None:
        self.start = lockstep.end
        self.drive = lockstep.worker.drive
        self.stop = lockstep.worker.stop
        self.give_turn = _do_nothing  # it has begun: with the call of the app


def _do_nothing() -> None:
    """The last step of a worker that has nothing left to do."""


def _at_once(call: Callable[[], Any]) -> Any:
    return call()


def _not_started(data: bytes) -> None:
    raise AssertionError("write() before start_response(), or in an event stream")


def _has_started(status: str, headers: Headers, exc_info: Any = None) -> None:
    """``start_response`` as PEP 3333 asks for once the headers are sent."""
    if exc_info is None:
        raise AssertionError("the response was started already")
    try:
        raise exc_info[1].with_traceback(exc_info[2])
    finally:
        exc_info = None

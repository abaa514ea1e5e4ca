"""The one asyncio event loop of this process, on a native thread of its own.

Two greenlets of one thread can't run a loop each, and a loop for each stream would cost a thread
for each stream. So all asynchronous sources share this loop.
"""

from __future__ import annotations

import asyncio
import atexit
import os
import threading
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any, Callable, List, Optional

from gevent import get_hub
from gevent.monkey import is_module_patched
from gevent.selectors import GeventSelector

from ...log import log
from ..lookups import lookups
from ..threads import allocate_lock, start_native_thread
from ..wakeups import ThreadWakeup

PATIENCE_SECONDS = 1.0
"""How long the end of the process waits for a loop that a source blocks."""

_NAME = "llmstream-asyncio"


class Loop(asyncio.SelectorEventLoop):
    """asyncio's own loop, whatever policy the application has set.

    In a patched process its selector is gevent's: patched code (executors, for example) needs the
    hub of the loop's thread to run. With the original epoll, or on libuv, it would hang.
    """

    async def getaddrinfo(
        self,
        host: Any,
        port: Any,
        *,
        family: int = 0,
        type: int = 0,
        proto: int = 0,
        flags: int = 0,
    ) -> Any:
        """Look a name up, and leave the executor's few threads to others."""
        ended = self.create_future()
        done: Any = partial(self.call_soon_threadsafe, _settle, ended)
        lookup = lookups().ask((host, port, family, type, proto, flags), done)
        try:
            await ended
        finally:
            lookups().give_up(lookup, done)
        return lookup.result()


def _settle(future: asyncio.Future[None]) -> None:
    if not future.done():
        future.set_result(None)


class _Selector(GeventSelector):  # type: ignore[misc]
    """gevent's selector, which knows whether the loop waits in it."""

    waits = False

    def select(self, timeout: Optional[float] = None) -> Any:
        self.waits = True
        try:
            return super().select(timeout)
        finally:
            self.waits = False


class PatchedLoop(Loop):
    """The loop of a patched process. An executor's threads are greenlets of its own thread.

    asyncio takes each of them for the loop itself. So from Python 3.14 on it sets a future there
    at once, and does not wake the loop. Here a call that comes while the loop waits wakes it.
    """

    def __init__(self) -> None:
        self._wait = _Selector()
        super().__init__(self._wait)

    def call_soon(  # type: ignore[override]
        self, callback: Any, *args: Any, context: Any = None
    ) -> asyncio.Handle:
        schedule = self.call_soon_threadsafe if self._wait.waits else super().call_soon
        return schedule(callback, *args, context=context)


class EventLoopThread:
    """A loop that starts at the first use, and then runs for the life of the process.

    The connections of a client such as ``AsyncOpenAI`` belong to the loop. So the client can use
    them again for the next answer.
    """

    def __init__(self) -> None:
        self._starting = allocate_lock()
        self._loop: Optional[asyncio.AbstractEventLoop] = None
        self._executor: Optional[ThreadPoolExecutor] = None
        self._failure: Optional[BaseException] = None

    def loop(self) -> asyncio.AbstractEventLoop:
        """The running loop. Blocks while it starts, some milliseconds once a process.

        :raises OSError: it could not start; the next call tries again.
        """
        if self._loop is None:
            _prepare_hub()
            with self._starting:
                self._start()
        assert self._loop is not None
        return self._loop

    def end_executor(self) -> None:
        """End the executor's threads if they are greenlets of the loop's thread. Python would wait
        for them on the main thread, and they can end only here."""
        if is_module_patched("threading"):
            self._run_there(self._end_executor)

    def park(self) -> None:
        """Stop the thread for good, before the interpreter ends.

        Later, Python would end a running daemon thread by unwinding its stack, which crashes if
        that is the stack of a greenlet.
        """
        self._run_there(_rest)

    def _run_there(self, callback: Callable[[ThreadWakeup], None]) -> None:
        """Call a function on the loop's thread, if that has started, and wait until it is done.

        :param callback: gets the wakeup to set.
        """
        if self._loop is not None:
            done = ThreadWakeup()
            self._loop.call_soon_threadsafe(callback, done)
            done.wait(PATIENCE_SECONDS)

    def _start(self) -> None:
        # Under an original lock, so nothing here may switch to the hub: a greenlet that waits for
        # the lock blocks its whole thread.
        if self._loop is None:
            ready = ThreadWakeup()
            start_native_thread(lambda: self._run(ready), _NAME)
            ready.wait()
        if self._loop is None:
            assert self._failure is not None
            raise self._failure

    # On the thread.

    def _run(self, ready: ThreadWakeup) -> None:
        try:
            loop = self._made()
        except BaseException as error:
            self._failure = error
            return
        finally:
            ready.set()
        while True:
            try:
                loop.run_forever()
            except BaseException:  # a task of a source has raised SystemExit, say
                log.exception("the event loop of the asynchronous sources was interrupted")

    def _made(self) -> asyncio.AbstractEventLoop:
        loop = PatchedLoop() if is_module_patched("selectors") else Loop()
        self._executor = ThreadPoolExecutor(thread_name_prefix=_NAME)
        loop.set_default_executor(self._executor)
        self._loop = loop
        return loop

    def _end_executor(self, done: ThreadWakeup) -> None:
        if self._executor is not None:
            self._executor.shutdown()
        done.set()


def _prepare_hub() -> None:
    """Import the resolver of the caller's hub before the loop's thread makes its own hub. Two hubs
    that import it at the same time may wait for each other for ever. May switch greenlets."""
    if is_module_patched("threading"):
        get_hub().resolver


def _rest(done: ThreadWakeup) -> None:
    done.set()
    ThreadWakeup().wait()


_thread = EventLoopThread()
_of_the_parent: List[EventLoopThread] = []


def event_loop() -> asyncio.AbstractEventLoop:
    """The running loop of this process (:meth:`EventLoopThread.loop`)."""
    return _thread.loop()


def _forget_thread() -> None:
    """A forked child has no thread of its parent's.

    The parent's loop is kept, unused. Closing it would remove the parent's descriptors from the
    selector, which both processes share.
    """
    global _thread
    _of_the_parent.append(_thread)
    _thread = EventLoopThread()


# The function that is registered last is called first. concurrent.futures has registered its own
# end at one of these places, depending on Python's version.
atexit.register(lambda: _thread.park())
_register_end: Any = getattr(threading, "_register_atexit", atexit.register)
_register_end(lambda: _thread.end_executor())
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_thread)

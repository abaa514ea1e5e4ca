"""The one asyncio event loop of this process, on a native thread of its own.

Floor 2: gevent. Two greenlets of a thread can't run a loop each, and a loop that every stream
started for itself would cost a thread a stream: so all asynchronous sources share this one.
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

from ...log import log
from ..lookups import lookups
from ..threads import allocate_lock, start_native_thread
from ..wakeups import ThreadWakeup

PATIENCE_SECONDS = 1.0
"""How long the end of the process waits for a source that blocks the loop."""

_NAME = "llmstream-asyncio"


class Loop(asyncio.SelectorEventLoop):
    """asyncio's own loop, whatever policy the application has set.

    In a patched process its selector is gevent's, and over that selector what is patched
    (executors, say) runs on its thread's own hub. On an original epoll, or on libuv, it would hang.
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
        """Look a name up, beside the executor, whose few threads are for others."""
        ended = self.create_future()
        tell: Any = partial(self.call_soon_threadsafe, _settle, ended)
        lookup = lookups().ask((host, port, family, type, proto, flags), tell)
        try:
            await ended
        finally:
            lookups().give_up(lookup, tell)
        return lookup.result()


def _settle(future: asyncio.Future[None]) -> None:
    if not future.done():
        future.set_result(None)


class EventLoopThread:
    """A loop that starts when it is first asked for, and is kept from then on.

    Kept, because what a source connects belongs to the loop: a client such as ``AsyncOpenAI``
    finds its open connections again for the next answer.
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
        """End the threads on which coroutines have blocking calls made, where they are greenlets:
        Python would wait for them on its main thread, and they end nowhere but here."""
        if is_module_patched("threading"):
            self._have_done(self._end_executor)

    def park(self) -> None:
        """Let the thread rest for good, before the interpreter ends.

        Python ends a daemon thread that comes back to it later by unwinding its stack, which
        crashes where that is a greenlet's.
        """
        self._have_done(_rest)

    def _have_done(self, callback: Callable[[ThreadWakeup], None]) -> None:
        """Have the thread do something of which it tells, where it has started."""
        if self._loop is not None:
            done = ThreadWakeup()
            self._loop.call_soon_threadsafe(callback, done)
            done.wait(PATIENCE_SECONDS)

    def _start(self) -> None:
        # Under an original lock, so nothing here goes to the hub: whoever waits for the lock holds
        # the whole thread.
        if self._loop is None:
            known = ThreadWakeup()
            start_native_thread(lambda: self._run(known), _NAME)
            known.wait()
        if self._loop is None:
            assert self._failure is not None
            raise self._failure

    # On the thread.

    def _run(self, known: ThreadWakeup) -> None:
        try:
            loop = self._made()
        except BaseException as error:
            self._failure = error
            return
        finally:
            known.set()
        while True:
            try:
                loop.run_forever()
            except BaseException:  # SystemExit of a task that a source has started, say
                log.exception("the event loop of the asynchronous sources was interrupted")

    def _made(self) -> asyncio.AbstractEventLoop:
        loop = Loop()
        self._executor = ThreadPoolExecutor(thread_name_prefix=_NAME)
        loop.set_default_executor(self._executor)
        self._loop = loop
        return loop

    def _end_executor(self, done: ThreadWakeup) -> None:
        if self._executor is not None:
            self._executor.shutdown()
        done.set()


def _prepare_hub() -> None:
    """Two hubs that import their name look-up at the same time may wait for each other for good, so
    the caller's has done it before the loop's thread makes its own. It may switch meanwhile."""
    if is_module_patched("threading"):
        get_hub().resolver


def _rest(done: ThreadWakeup) -> None:
    done.set()
    ThreadWakeup().wait()


_thread = EventLoopThread()
_of_the_parent: List[EventLoopThread] = []


def event_loop() -> asyncio.AbstractEventLoop:
    """The process's loop; see :meth:`EventLoopThread.loop`."""
    return _thread.loop()


def _forget_thread() -> None:
    """A forked child has none of its parent's threads.

    The loop itself is kept, unused: were it closed, its selector, which both processes hold, would
    forget the parent's descriptors.
    """
    global _thread
    _of_the_parent.append(_thread)
    _thread = EventLoopThread()


# The last to be registered is the first to be called. concurrent.futures has registered its own
# end in one of these places, by its version.
atexit.register(lambda: _thread.park())
_register_end: Any = getattr(threading, "_register_atexit", atexit.register)
_register_end(lambda: _thread.end_executor())
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_thread)

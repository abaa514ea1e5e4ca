"""``Runtime``: where the two sides of a stream run, and everything that depends on that.

The import starts nothing. Nothing here patches anything.
"""

from __future__ import annotations

from functools import partial
from typing import Any, Callable, NamedTuple, Type, Union

import gevent
from gevent import get_hub, getcurrent
from gevent.hub import MAIN_THREAD_IDENT, Hub
from gevent.monkey import is_module_patched

from ..errors import ConfigurationError
from .per_hub import PerHub
from .threads import get_ident, sleep, start_bare_thread
from .timers import HubTimer, Schedule, thread_schedule
from .wakeup import Wakeup
from .wakeups import CrossThreadWakeup, GreenletWakeup, ThreadWakeup
from .workers import GreenletWorker, MonitoredThreadWorker, ThreadWorker

Spawn = Callable[[Callable[[], None]], object]
"""Calls a function soon, beside the code that runs here."""


def _spawner(hub: Hub) -> Spawn:
    """Returns a function that spawns a greenlet on this hub, from any thread."""
    return partial(hub.loop.run_callback_threadsafe, gevent.spawn_raw)


_spawn_of = PerHub(_spawner)


def on_greenlet() -> bool:
    """Whether the caller runs on a greenlet, and so must wait through the hub.

    True in a monkey-patched process, where threads are greenlets, and on a greenlet of an
    unpatched process (a handler of ``gevent.pywsgi``).
    """
    return is_module_patched("threading") or isinstance(getcurrent().parent, Hub)


def spawner() -> Spawn:
    """Returns a function that spawns as the caller runs: on a greenlet of this hub, or on a native
    thread.

    A finalizer may call the returned function on any thread, at any time: it takes no lock and
    waits for nothing.
    """
    return _spawn_of(get_hub()) if on_greenlet() else start_bare_thread


def pause(seconds: float) -> None:
    """Sleep on the caller's greenlet or native thread. No other greenlet is blocked."""
    (gevent.sleep if on_greenlet() else sleep)(seconds)


class Runtime(NamedTuple):
    """Everything that depends on where the two sides of a stream run.

    :ivar worker: the class of the worker that runs the producer.
    :ivar readable: makes the wakeup on which the reader waits for the next item.
    :ivar writable: makes the wakeup on which the producer waits for room.
    :ivar schedule: calls a function after some seconds.
    :ivar is_on_hub: whether the reader waits through a hub.
    """

    worker: Type[Union[GreenletWorker, ThreadWorker]]
    readable: Type[Wakeup]
    writable: Callable[[], Wakeup]
    schedule: Schedule
    is_on_hub: bool

    def spawner(self) -> Spawn:
        """Returns a function that spawns as the worker runs: on a greenlet of this hub, or on a
        native thread. Any thread may call the returned function.

        Call this method on the thread of the request: on another thread the greenlet would belong
        to another hub, which may never run.
        """
        if self.worker is GreenletWorker:
            return _spawn_of(get_hub())
        return self.worker("").start

    def spawner_beside_reader(self) -> Spawn:
        """As :meth:`spawner`, but it spawns as the reader runs."""
        return _spawn_of(get_hub()) if self.is_on_hub else self.worker("").start

    def shared(self, writable: Callable[[], Wakeup]) -> Runtime:
        """The runtime of a channel into which other greenlets and threads send.

        :param writable: makes the wakeup on which a sender waits for room.
        """
        on_greenlet = self.worker is GreenletWorker or self.readable is CrossThreadWakeup
        readable: Any = CrossThreadWakeup if on_greenlet else ThreadWakeup
        return self._replace(readable=readable, writable=writable)


_GREENLETS = Runtime(GreenletWorker, GreenletWakeup, GreenletWakeup, HubTimer, True)
_THREADS = Runtime(ThreadWorker, ThreadWakeup, ThreadWakeup, thread_schedule, False)
_THREAD_AND_HUB = Runtime(MonitoredThreadWorker, CrossThreadWakeup, ThreadWakeup, HubTimer, True)


def runtime_for(worker: str) -> Runtime:
    """Where a stream of the current request runs.

    :param worker: ``auto`` (a greenlet if the request runs on one, else a thread), ``greenlet``
        or ``thread``.
    :raises ConfigurationError: ``greenlet``, but the request runs on a native thread. Nothing runs
        that thread's hub while a generator blocks.
    """
    if on_greenlet():
        return _THREAD_AND_HUB if worker == "thread" else _GREENLETS
    if worker == "greenlet":
        raise ConfigurationError(
            "worker: 'greenlet' needs a request that runs on a greenlet; call "
            "gevent.monkey.patch_all() before anything else, or leave it at 'auto'"
        )
    return _THREADS


def runtime_of_the_caller() -> Runtime:
    """Where code runs that the caller starts and waits for, outside of any request."""
    # In a patched process a native thread has no hub, and must not get one.
    has_hub = gevent._hub_local.get_hub_if_exists() is not None
    return _GREENLETS if has_hub and on_greenlet() else _THREADS


def runtime_of_a_program() -> Runtime:
    """Where code runs that is no request: a task of a queue, a script, on any thread of it. In a
    patched process the main thread gets a hub here, if it has used none yet."""
    if is_module_patched("threading") and get_ident() == MAIN_THREAD_IDENT:
        get_hub()
    return runtime_of_the_caller()

"""``Runtime``: where the two sides of a stream run, and all that depends on it.

Starts nothing at import, patches nothing ever.
"""

from __future__ import annotations

from functools import partial
from typing import Any, Callable, NamedTuple, Type, Union

import gevent
from gevent import get_hub, getcurrent
from gevent.hub import Hub
from gevent.monkey import is_module_patched

from ..errors import ConfigurationError
from .per_hub import PerHub
from .threads import sleep, start_bare_thread
from .timers import HubTimer, Schedule, thread_schedule
from .wakeup import Wakeup
from .wakeups import CrossThreadWakeup, GreenletWakeup, ThreadWakeup
from .workers import GreenletWorker, MonitoredThreadWorker, ThreadWorker


def _spawner(hub: Hub) -> Callable[[Callable[[], None]], object]:
    """What has a function called on a greenlet of this hub, from anywhere."""
    return partial(hub.loop.run_callback_threadsafe, gevent.spawn_raw)


_spawn_of = PerHub(_spawner)


def on_greenlet() -> bool:
    """Does the caller run on a greenlet, so that waiting must go through the hub?

    True in a monkey-patched process, where threads are greenlets, and in a greenlet of an
    unpatched one (a handler of ``gevent.pywsgi``).
    """
    return is_module_patched("threading") or isinstance(getcurrent().parent, Hub)


def spawner() -> Callable[[Callable[[], None]], object]:
    """What has a function called soon, beside what runs here. A finalizer may call it, wherever and
    whenever that runs: no lock is taken, and nothing waited for."""
    return _spawn_of(get_hub()) if on_greenlet() else start_bare_thread


def pause(seconds: float) -> None:
    """Let some time pass for the caller alone, wherever it runs."""
    (gevent.sleep if on_greenlet() else sleep)(seconds)


class Runtime(NamedTuple):
    """All that depends on where the two sides of a stream run.

    :ivar is_on_hub: whether the reader waits through a hub.
    """

    worker: Type[Union[GreenletWorker, ThreadWorker]]
    readable: Type[Wakeup]
    writable: Callable[[], Wakeup]
    schedule: Schedule
    is_on_hub: bool

    def spawner(self) -> Callable[[Callable[[], None]], object]:
        """What has a function called as these workers are, from anywhere. Ask for it at home: on
        another thread a greenlet would be of another hub, which nobody may run."""
        if self.worker is GreenletWorker:
            return _spawn_of(get_hub())
        return self.worker("").start

    def shared(self, writable: Callable[[], Wakeup]) -> Runtime:
        """The same, for a channel that is sent into from elsewhere.

        :param writable: makes what its senders wait on.
        """
        on_greenlet = self.worker is GreenletWorker or self.readable is CrossThreadWakeup
        readable: Any = CrossThreadWakeup if on_greenlet else ThreadWakeup
        return self._replace(readable=readable, writable=writable)


_GREENLETS = Runtime(GreenletWorker, GreenletWakeup, GreenletWakeup, HubTimer, True)
_THREADS = Runtime(ThreadWorker, ThreadWakeup, ThreadWakeup, thread_schedule, False)
_THREAD_AND_HUB = Runtime(MonitoredThreadWorker, CrossThreadWakeup, ThreadWakeup, HubTimer, True)


def runtime_for(worker: str) -> Runtime:
    """Where a stream of the calling request runs.

    :param worker: ``auto`` (a greenlet where the request is on one, else a thread),
        ``greenlet`` or ``thread``.
    :raises ConfigurationError: ``greenlet``, but the request is on a native thread, whose hub
        nobody runs while a generator blocks.
    """
    if on_greenlet():
        return _THREAD_AND_HUB if worker == "thread" else _GREENLETS
    if worker == "greenlet":
        raise ConfigurationError(
            "worker: 'greenlet' needs a request that runs on a greenlet; call "
            "gevent.monkey.patch_all() before anything else, or leave it at 'auto'"
        )
    return _THREADS

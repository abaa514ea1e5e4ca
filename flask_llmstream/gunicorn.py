"""One line for ``gunicorn.conf.py``: open streams end properly, whatever stops their worker.

::

    from flask_llmstream.gunicorn import post_worker_init
"""

from __future__ import annotations

import signal
from time import monotonic
from typing import Any, Callable, Optional

from .runtime.runtime import on_greenlet
from .runtime.sigterm import delay_signal, on_sigterm, run_in_background
from .stream.drain import FAREWELL_SECONDS, drain, wait_for_ends
from .stream.limits import all_limiters

_MARGIN_SECONDS = 1.0
"""gunicorn's gevent worker looks once a second whether its connections have ended."""


def post_worker_init(worker: Any) -> None:
    """Let the worker's streams end before the worker does, whatever ends it.

    - SIGTERM (a stop, a reload, a deployment): new streams are refused, those that run have
      gunicorn's ``graceful_timeout``, less 3 s, to end by themselves, also where their readers have
      left.
    - ``max_requests`` and ``--reload``: the same, but new streams are accepted until the
      next worker is there.
    - SIGINT, SIGQUIT, SIGABRT (its own ``timeout``), the end of its parent: all end at once.

    It wraps the hooks ``worker_int``, ``worker_abort`` and ``worker_exit``, and calls yours
    afterwards. A function ``post_worker_init`` of your own must call this one.
    """
    seconds = max(worker.cfg.graceful_timeout - FAREWELL_SECONDS - _MARGIN_SECONDS, 0)
    grace = _Grace(seconds)
    on_sigterm(lambda: drain(all_limiters(), grace.begin()))
    _when_it_stops(worker, lambda: _retire(grace.begin()))
    _hook_the_end(worker.cfg, grace)
    if not on_greenlet():
        # The thread that runs a signal's handler may read a stream.
        for number in (signal.SIGINT, signal.SIGQUIT, signal.SIGABRT):
            delay_signal(number, _farewell)


class _Grace:
    """The time in which the streams of a worker that stops may end by themselves. It begins once.

    gunicorn's worker waits for its connections. A stream may go on without one.
    """

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._until: Optional[float] = None

    def begin(self) -> float:
        """Begin, unless it has begun.

        :returns: the seconds that are left.
        """
        if self._until is None:
            self._until = monotonic() + self._seconds
        return max(self._until - monotonic(), 0)

    def end(self) -> None:
        """There is no time: the worker has to end at once."""
        self._seconds, self._until = 0, monotonic()


def _retire(seconds: float) -> None:
    wait_for_ends(all_limiters(), seconds)
    _farewell()


def _farewell() -> None:
    drain(all_limiters(), 0)


def _when_it_stops(worker: Any, retire: Callable[[], None]) -> None:
    """Call ``retire`` in the background, once the worker takes no more connections.

    gunicorn has no hook for this. So ``notify()`` is wrapped, which the worker calls once a second,
    and first when it begins to wait for open connections; ``worker.alive`` tells then.
    """
    notify = worker.notify

    def look_and_notify() -> None:
        if not worker.alive:
            worker.notify = notify
            run_in_background(retire)
        notify()

    worker.notify = look_and_notify


def _hook_the_end(config: Any, grace: _Grace) -> None:
    """End all streams before the hooks for a worker's interruption and its end run."""
    interrupted, aborted, exited = config.worker_int, config.worker_abort, config.worker_exit

    def worker_int(worker: Any) -> None:
        grace.end()
        run_in_background(_farewell)
        interrupted(worker)

    def worker_abort(worker: Any) -> None:
        grace.end()
        aborted(worker)

    def worker_exit(server: Any, worker: Any) -> None:
        try:
            if not worker.alive:  # it was told to stop
                wait_for_ends(all_limiters(), grace.begin())
            _farewell()
        finally:
            exited(server, worker)

    config.set("worker_int", worker_int)
    config.set("worker_abort", worker_abort)
    config.set("worker_exit", worker_exit)

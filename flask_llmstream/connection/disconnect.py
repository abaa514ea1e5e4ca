"""Notices that a client has left, also while nothing is sent to it.

A client that leaves closes or resets its connection. The kernel knows at once, but a WSGI server
notices only at its next write. So a watch asks the kernel: by the client's socket where the server
shows it, and by the connection's addresses where another process has the socket (Apache's
mod_wsgi).
"""

from __future__ import annotations

from typing import Any, Callable, Mapping, Optional, Protocol

from gevent import get_hub

from ..runtime.runtime import Runtime
from ..runtime.timers import Schedule, Timer
from .servers import WAITRESS_DISCONNECTED, descriptor_of
from .sock_diag import departure_by_addresses
from .socket_options import has_left

POLL_SECONDS = 0.2
"""Seconds between two questions whether a client has left, where the hub does not notice it."""

_READ = 1  # gevent's name for libev's EV_READ


class Watch(Protocol):
    """Calls a function when the client has left."""

    def stop(self) -> None:
        """Watch no more. A second call is harmless."""


class PollingWatch:
    """Asks every 0.2 s whether the client has left."""

    def __init__(
        self, left: Callable[[], bool], gone: Callable[[], object], schedule: Schedule
    ) -> None:
        self._left = left
        self._gone = gone
        self._schedule = schedule
        self._timer: Optional[Timer] = None
        self._stopped = False
        self._next()

    def stop(self) -> None:
        """Watch no more. A second call is harmless."""
        self._stopped = True
        if self._timer is not None:
            self._timer.cancel()

    def _next(self) -> None:
        self._timer = self._schedule(POLL_SECONDS, self._look)
        if self._stopped:
            self._timer.cancel()

    def _look(self) -> None:
        # On threads a stop may come while this runs. One more look is harmless. One more timer is
        # not, so ``_next`` checks again after it has made one.
        if self._stopped:
            return
        if self._left():
            self._gone()
        else:
            self._next()


class SocketWatch(PollingWatch):
    """Polls the client's socket."""

    def __init__(self, descriptor: int, gone: Callable[[], object], schedule: Schedule) -> None:
        super().__init__(lambda: has_left(descriptor), gone, schedule)


class HubWatch:
    """Waits in the hub: the socket becomes readable when the client leaves."""

    __slots__ = ("_descriptor", "_gone", "_schedule", "_polling", "_watcher")

    def __init__(self, descriptor: int, gone: Callable[[], object], schedule: Schedule) -> None:
        self._descriptor = descriptor
        self._gone = gone
        self._schedule = schedule
        self._polling: Optional[SocketWatch] = None
        self._watcher: Any = get_hub().loop.io(descriptor, _READ)
        self._watcher.start(self._readable)

    def stop(self) -> None:
        """Watch no more. A second call is harmless."""
        if self._watcher is not None:
            self._watcher.close()
            self._watcher = None
        if self._polling is not None:
            self._polling.stop()

    def _readable(self) -> None:
        # One event only. Unread data (a pipelined request) would fire the watcher hundreds of
        # thousands of times a second, so the socket is polled from here on.
        self.stop()
        if has_left(self._descriptor):
            self._gone()
        else:
            self._polling = SocketWatch(self._descriptor, self._gone, self._schedule)


class NoWatch:
    """For a server that shows nothing of its client: only a failing write tells of a departure."""

    def stop(self) -> None:
        """Nothing to stop."""


NO_WATCH = NoWatch()


def watch(
    environ: Mapping[str, Any], client: Any, gone: Callable[[], object], runtime: Runtime
) -> Watch:
    """Have ``gone`` called, once and without blocking, when the client of a request leaves.

    :param client: the client's socket, as :func:`~.servers.client_socket` finds it.
    :param runtime: where the stream is read: it has the timers, and a hub or none.
    :returns: the watch to stop; a :class:`NoWatch` where a departure can't be noticed.
    """
    descriptor = descriptor_of(client)
    disconnected = environ.get(WAITRESS_DISCONNECTED)
    if disconnected is not None:
        return PollingWatch(_left_waitress(disconnected, client), gone, runtime.schedule)
    if descriptor is not None:
        kind = HubWatch if runtime.is_on_hub else SocketWatch
        return kind(descriptor, gone, runtime.schedule)
    left = departure_by_addresses(environ)
    return NO_WATCH if left is None else PollingWatch(left, gone, runtime.schedule)


def _left_waitress(disconnected: Callable[[], bool], client: Any) -> Callable[[], bool]:
    """waitress's own function notices a departure only behind a write that failed, or where
    ``channel_request_lookahead`` is set. It is asked first, because it knows whether the
    socket was closed: after that, its number may belong to another client."""
    if client is None:
        return disconnected
    return lambda: disconnected() or has_left(client.fileno())

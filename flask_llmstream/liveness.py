"""Is the client still there? One probe for each kind of server, found in ``environ``.

Floor 2: gevent. A reader who leaves closes or resets its connection. The kernel knows at once,
a WSGI server only at its next write: so the probe asks the kernel, also while the model is
silent.
"""

from __future__ import annotations

import _socket
import os
import select
import stat
import struct
from contextlib import contextmanager, suppress
from typing import Any, Callable, Iterator, Mapping, Optional, Protocol, Type, Union

from gevent import get_hub
from gevent.monkey import get_original

from .timers import Schedule, Timer

try:
    from fcntl import ioctl
    from termios import TIOCOUTQ
except ImportError:  # Windows, where no client's descriptor is asked for either
    pass

POLL_SECONDS = 0.2
"""How often a probe looks where it can't be told."""

UNSENT_BYTES = 16 * 1024
"""What the kernel takes beyond what it has sent; Linux's own is the whole send buffer."""

_RDHUP = getattr(select, "POLLRDHUP", 0)
_poll: Any = get_original("select", "poll") if _RDHUP else None
_USER_TIMEOUT = getattr(_socket, "TCP_USER_TIMEOUT", None)
_MOST_MILLISECONDS = 2**31 - 1
_KEEP_ALIVE = [
    (getattr(_socket, name), value)
    for name, value in (("TCP_KEEPIDLE", 60), ("TCP_KEEPINTVL", 15), ("TCP_KEEPCNT", 4))
    if hasattr(_socket, name)
]
_NOTSENT_LOWAT: Optional[int] = getattr(_socket, "TCP_NOTSENT_LOWAT", None)
_READ = 1  # gevent's name for libev's EV_READ


def has_left(descriptor: int) -> bool:
    """Has the peer of this socket closed or reset it? Also behind unread data, and under TLS."""
    poll = _poll()
    poll.register(descriptor, _RDHUP)
    has_left = bool(poll.poll(0))  # RDHUP, or HUP and ERR, which are always told
    if has_left:
        _take_error(descriptor)
    return has_left


def _take_error(descriptor: int) -> None:
    # The kernel tells its reason to whoever asks first. "Connection timed out" would be the
    # server's next write, which logs a traceback then; the broken pipe that it gets now is none.
    with suppress(OSError), _borrowed(descriptor) as client:
        client.getsockopt(_socket.SOL_SOCKET, _socket.SO_ERROR)


@contextmanager
def _borrowed(descriptor: int) -> Iterator[_socket.socket]:
    """The server's socket, which is not ours to close. Costs no descriptor, as a duplicate would:
    a process that has none left needs this most."""
    client = _socket.socket(_socket.AF_INET, _socket.SOCK_STREAM, 0, descriptor)
    try:
        yield client
    finally:
        client.detach()


def client_descriptor(environ: Mapping[str, Any]) -> Optional[int]:
    """The descriptor of the client's socket, or ``None`` where this server does not show it."""
    if not _RDHUP or environ.get("SERVER_PROTOCOL", "").startswith(("HTTP/2", "HTTP/3")):
        return None  # an HTTP/2 connection is not one client's alone
    for owner in _owners(environ):
        descriptor = _socket_descriptor(owner)
        if descriptor is not None:
            return descriptor
    return None


def _owners(environ: Mapping[str, Any]) -> Iterator[Any]:
    yield environ.get("gunicorn.socket")
    yield environ.get("gunicorn.sock")  # its gevent_pywsgi worker
    yield environ.get("werkzeug.socket")
    if "uwsgi.version" in environ:
        import uwsgi  # exists only inside uWSGI

        yield uwsgi.connection_fd()
    body = environ.get("wsgi.input")
    yield getattr(body, "rfile", None)  # gevent.pywsgi
    yield body  # Werkzeug before 2.0


def _socket_descriptor(owner: Any) -> Optional[int]:
    if owner is None:
        return None
    try:
        descriptor = owner if isinstance(owner, int) else owner.fileno()
        return descriptor if stat.S_ISSOCK(os.fstat(descriptor).st_mode) else None
    except (AttributeError, OSError, ValueError):  # no descriptor, or a closed one
        return None


def cut(descriptor: int) -> None:
    """End a connection both ways, which frees a write that waits for a frozen reader."""
    with suppress(OSError), _borrowed(descriptor) as client:  # it is gone already
        client.shutdown(_socket.SHUT_RDWR)


def untaken(descriptor: int) -> Optional[int]:
    """How many bytes the kernel has still to bring to this socket's peer, who takes them in its
    own time (tcp(7), ``SIOCOUTQ``); ``None`` where it does not say."""
    try:
        (count,) = struct.unpack("i", ioctl(descriptor, TIOCOUTQ, bytes(4)))
    except OSError:
        return None
    return int(count)


def keep_alive(descriptor: int, unanswered: float) -> None:
    """Have the kernel end a connection whose client is gone without a word: a laptop that was
    closed, a cable that was pulled.

    TCP's own probes ask a silent client, after a minute and then four times. Where something was
    sent, a heartbeat say, they are not: there the user timeout holds (RFC 5482).

    :param unanswered: seconds that what was sent may stay unanswered; 0: the system's own, which
        is about a quarter of an hour.
    """
    # A socket of the machine's own (AF_UNIX), whose peer can't vanish, has no such options.
    with suppress(OSError), _borrowed(descriptor) as client:
        client.setsockopt(_socket.SOL_SOCKET, _socket.SO_KEEPALIVE, 1)
        for option, value in _KEEP_ALIVE:
            client.setsockopt(_socket.IPPROTO_TCP, option, value)
        if unanswered and _USER_TIMEOUT is not None:
            milliseconds = min(int(unanswered * 1000), _MOST_MILLISECONDS)
            client.setsockopt(_socket.IPPROTO_TCP, _USER_TIMEOUT, milliseconds)


def limit_unsent(descriptor: int) -> None:
    """Have the kernel keep little for a reader who stands still, so that an overflow strategy
    acts soon: 16 KiB beside what is on its way, instead of megabytes.

    The connection keeps that; harmless where the kernel does not know it.
    """
    if _NOTSENT_LOWAT is not None:
        with suppress(OSError), _borrowed(descriptor) as client:
            client.setsockopt(_socket.IPPROTO_TCP, _NOTSENT_LOWAT, UNSENT_BYTES)


class Watch(Protocol):
    """Somebody who tells when the client has left."""

    def stop(self) -> None:
        """Look no more; harmless when called again."""


class PollingWatch:
    """Looks every 0.2 s, on the timers it is given."""

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
        """Look no more; harmless when called again."""
        self._stopped = True
        if self._timer is not None:
            self._timer.cancel()

    def _next(self) -> None:
        self._timer = self._schedule(POLL_SECONDS, self._look)
        if self._stopped:
            self._timer.cancel()

    def _look(self) -> None:
        # On threads a stop may come while this runs. A look more is harmless; a timer more is
        # not, so ``_next`` asks once more behind it.
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
    """Is told by the hub: the socket becomes readable when the client leaves."""

    def __init__(self, descriptor: int, gone: Callable[[], object], schedule: Schedule) -> None:
        self._descriptor = descriptor
        self._gone = gone
        self._schedule = schedule
        self._polling: Optional[SocketWatch] = None
        self._watcher: Any = get_hub().loop.io(descriptor, _READ)
        self._watcher.start(self._readable)

    def stop(self) -> None:
        """Watch no more; harmless when called again."""
        if self._watcher is not None:
            self._watcher.close()
            self._watcher = None
        if self._polling is not None:
            self._polling.stop()

    def _readable(self) -> None:
        # One event only. Data (a pipelined request) would keep the watcher firing, hundreds of
        # thousands of times a second, so from here on it is polled.
        self.stop()
        if has_left(self._descriptor):
            self._gone()
        else:
            self._polling = SocketWatch(self._descriptor, self._gone, self._schedule)


class NoWatch:
    """For a server that shows nothing of its client: a failing write will tell."""

    def stop(self) -> None:
        """Nothing to stop."""


def watch(
    environ: Mapping[str, Any],
    gone: Callable[[], object],
    schedule: Schedule,
    kind: Type[Union[SocketWatch, HubWatch]],
) -> Watch:
    """Have ``gone`` called, once and without blocking, when the client of a request leaves.

    :param schedule: the timers to poll by.
    :param kind: how a socket is watched here.
    """
    disconnected = environ.get("waitress.client_disconnected")
    if disconnected is not None:
        return PollingWatch(disconnected, gone, schedule)
    descriptor = client_descriptor(environ)
    return NoWatch() if descriptor is None else kind(descriptor, gone, schedule)

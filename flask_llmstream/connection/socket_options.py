"""What the kernel says of a client's socket, and the options that are set on it.

A socket is known by its descriptor alone, and stays the server's own.
"""

from __future__ import annotations

import _socket
import select
import struct
from contextlib import contextmanager, suppress
from typing import Any, Iterator, Optional

from gevent.monkey import get_original

try:
    import ctypes
    from fcntl import ioctl
    from termios import TIOCOUTQ
except ImportError:  # Windows, where no client's descriptor is asked for either
    pass

UNSENT_BYTES = 16 * 1024
"""What the kernel takes beyond what it has sent; Linux's own is the whole send buffer."""

_RDHUP = getattr(select, "POLLRDHUP", 0)

TELLS_DEPARTURES = bool(_RDHUP)
"""Whether this system's kernel can be asked for a departure (:func:`has_left`); Linux can."""

_poll: Any = get_original("select", "poll") if TELLS_DEPARTURES else None
_USER_TIMEOUT = getattr(_socket, "TCP_USER_TIMEOUT", None)
_MOST_MILLISECONDS = 2**31 - 1
_KEEP_ALIVE = [
    (getattr(_socket, name), value)
    for name, value in (("TCP_KEEPIDLE", 60), ("TCP_KEEPINTVL", 15), ("TCP_KEEPCNT", 4))
    if hasattr(_socket, name)
]
_NOTSENT_LOWAT: Optional[int] = getattr(_socket, "TCP_NOTSENT_LOWAT", None)
_RESET = struct.pack("ii", 1, 0)  # "lingers", for no time
_NO_RESET = struct.pack("ii", 0, 0)
_UNSPECIFIED = bytes(16)  # an address of the family AF_UNSPEC


def has_left(descriptor: int) -> bool:
    """Has the peer of this socket closed or reset it? Also behind unread data, and under TLS."""
    if descriptor < 0:  # the file number of a socket that its server has closed
        return True
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


def cut(descriptor: int) -> None:
    """End a connection by a reset, which nobody takes for the end of an answer. It also frees a
    write that waits for a frozen reader. The server finds a broken pipe, and nothing to read.

    What the client has yet to take is lost. A socket of the machine's own (AF_UNIX) knows no
    resets: its peer sees an end.
    """
    with suppress(OSError), _borrowed(descriptor) as client:  # it is gone already
        client.setsockopt(_socket.SOL_SOCKET, _socket.SO_LINGER, _RESET)
        _dissolve(descriptor)
        client.getsockopt(_socket.SOL_SOCKET, _socket.SO_ERROR)
        client.shutdown(_socket.SHUT_RDWR)


def _dissolve(descriptor: int) -> None:
    # The one way to have Linux send a reset while the descriptor stays open: connect(2) to no
    # address. ``shutdown`` would send a FIN, which is how an answer ends that has no length. Where
    # this is refused, the reset comes when the server closes what it finds shut down.
    ctypes.CDLL(None).connect(descriptor, _UNSPECIFIED, len(_UNSPECIFIED))


def reset_on_close(descriptor: int, resets: bool) -> None:
    """Whether a reset is what ends this connection when its descriptor is closed, also by the
    kernel where the process is killed."""
    with suppress(OSError), _borrowed(descriptor) as client:
        lingers = _RESET if resets else _NO_RESET
        client.setsockopt(_socket.SOL_SOCKET, _socket.SO_LINGER, lingers)


def unacked_bytes(descriptor: int) -> Optional[int]:
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

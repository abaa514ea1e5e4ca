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
"""Unsent bytes that the kernel takes at most. Linux's default is the whole send buffer."""

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
    """Whether the peer of a socket has closed or reset it. Unread data and TLS do not hide that."""
    if descriptor < 0:  # of a socket that its server has closed
        return True
    poll = _poll()
    poll.register(descriptor, _RDHUP)
    has_left = bool(poll.poll(0))  # RDHUP, or HUP and ERR, which poll always reports
    if has_left:
        _take_error(descriptor)
    return has_left


def _take_error(descriptor: int) -> None:
    # The kernel tells its error once, to the first that asks. The server's next write would get
    # "Connection timed out", and log a traceback. Now it gets a broken pipe, which is not logged.
    with suppress(OSError), _borrowed(descriptor) as client:
        client.getsockopt(_socket.SOL_SOCKET, _socket.SO_ERROR)


@contextmanager
def _borrowed(descriptor: int) -> Iterator[_socket.socket]:
    """A socket object of the server's descriptor, which stays open. It costs no descriptor, as a
    duplicate would: a process that has none left needs this most."""
    client = _socket.socket(_socket.AF_INET, _socket.SOCK_STREAM, 0, descriptor)
    try:
        yield client
    finally:
        client.detach()


def cut(descriptor: int) -> None:
    """End a connection by a reset, which no client takes for the end of an answer.

    A write that waits for a frozen reader is freed. The server finds a broken pipe, and nothing to
    read. What the client has yet to take is lost. A socket of the machine's own (AF_UNIX) has no
    resets: its peer sees an end.
    """
    with suppress(OSError), _borrowed(descriptor) as client:  # it is gone already
        client.setsockopt(_socket.SOL_SOCKET, _socket.SO_LINGER, _RESET)
        _dissolve(descriptor)
        client.getsockopt(_socket.SOL_SOCKET, _socket.SO_ERROR)
        client.shutdown(_socket.SHUT_RDWR)


def _dissolve(descriptor: int) -> None:
    # connect(2) to no address is the one way to make Linux send a reset while the descriptor stays
    # open. ``shutdown`` alone would send a FIN, which ends an answer without a length. Where the
    # connect is refused, the reset comes when the server closes the socket that is shut down.
    ctypes.CDLL(None).connect(descriptor, _UNSPECIFIED, len(_UNSPECIFIED))


def reset_on_close(descriptor: int, resets: bool) -> None:
    """Set whether a connection ends by a reset when its descriptor is closed, also by the kernel,
    after a kill of the process."""
    with suppress(OSError), _borrowed(descriptor) as client:
        lingers = _RESET if resets else _NO_RESET
        client.setsockopt(_socket.SOL_SOCKET, _socket.SO_LINGER, lingers)


def unacked_bytes(descriptor: int) -> Optional[int]:
    """How many bytes the peer of a socket has yet to acknowledge (tcp(7), ``SIOCOUTQ``); ``None``
    where the kernel does not say."""
    try:
        (count,) = struct.unpack("i", ioctl(descriptor, TIOCOUTQ, bytes(4)))
    except OSError:
        return None
    return int(count)


def keep_alive(descriptor: int, unanswered: float) -> None:
    """Let the kernel end a connection whose client is gone without a word: a laptop that was
    closed, a cable that was pulled.

    TCP's probes ask a silent client, after a minute and then four times. They are not sent while
    sent data (a heartbeat, say) is unanswered: there the user timeout holds (RFC 5482).

    :param unanswered: seconds that sent data may stay unanswered. 0: the system's default, about a
        quarter of an hour.
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
    """Let the kernel keep little for a reader who stands still: 16 KiB beside the bytes on their
    way, instead of megabytes. So an overflow strategy acts soon.

    The option stays for the life of the connection. Harmless where the kernel does not know it.
    """
    if _NOTSENT_LOWAT is not None:
        with suppress(OSError), _borrowed(descriptor) as client:
            client.setsockopt(_socket.IPPROTO_TCP, _NOTSENT_LOWAT, UNSENT_BYTES)

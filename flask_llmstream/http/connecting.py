"""The way to a server: its name looked up, a connection made, and both ended from any thread.

A call blocks where its socket blocks, and while its name is looked up it blocks at a socket, too.
So whatever ends a wait at a socket (a shutdown, a killed greenlet, a timeout) ends all of them.
"""

from __future__ import annotations

import _socket
import errno
import os
import socket
from collections import deque
from contextlib import ExitStack, suppress
from typing import Any, Deque, List, Optional, Tuple

from urllib3.util.wait import wait_for_read, wait_for_write

from ..runtime.lookups import Question, lookups
from .fair_socket import fair

Address = Tuple[Any, ...]
"""What ``getaddrinfo`` gives: family, kind, protocol, a name, and where to connect to."""


class Sockets:
    """The sockets of one call, each by a descriptor of its own.

    TLS moves a socket's descriptor to another object, and libraries close what failed; the number
    may then belong to a stranger. A duplicate stays valid and stays ours. Whoever takes one out of
    the deque is the only one to use it, so it is never closed under anybody's hands, without a
    lock (which the hub could not wait for).
    """

    def __init__(self) -> None:
        self.aborted = False
        self._ours: Deque[_socket.socket] = deque()

    def watch(self, sock: Any) -> None:
        """Have a socket in reach that is about to wait.

        :raises ConnectionAbortedError: the call was aborted before.
        """
        # The plain class, as gevent's would look for the hub of whatever thread aborts.
        self._ours.append(_socket.socket(fileno=os.dup(sock.fileno())))
        # abort() sets the flag and then empties the deque. Either it finds this socket there, or
        # it had set the flag before this line.
        self.check()

    def forget(self) -> None:
        """Let go of the one that is watched last: nobody waits at it any more."""
        with suppress(IndexError):  # the call was aborted
            self._ours.pop().close()

    def check(self) -> None:
        """Raise ``ConnectionAbortedError`` if the call was aborted."""
        if self.aborted:
            raise ConnectionAbortedError("aborted")

    def hang_up(self) -> None:
        """End every wait at them, and let go of them."""
        with suppress(IndexError):  # raised when the deque is empty, whoever emptied it
            while True:
                ours = self._ours.popleft()
                with suppress(OSError):  # it never got connected, or is not any more
                    ours.shutdown(socket.SHUT_RDWR)
                ours.close()


def connect(
    host: str, port: int, timeout: Optional[float], options: Any, sockets: Sockets
) -> socket.socket:
    """``socket.create_connection``, which shows nobody its socket before it is connected.

    :param timeout: seconds to look the name up, and for each of its addresses; ``None``: no bound.
    :raises OSError: there is no such name, or nobody listens at any of its addresses.
    """
    error = OSError("the name has no address")
    for address in _addresses(host.strip("[]"), port, timeout, sockets):
        try:
            return _connected(address, timeout, options, sockets)
        except OSError as refused:
            error = refused
    raise error


def _connected(
    address: Address, timeout: Optional[float], options: Any, sockets: Sockets
) -> socket.socket:
    with ExitStack() as undo:
        sock: socket.socket = undo.enter_context(fair(socket.socket)(*address[:3]))
        for option in options or ():
            sock.setsockopt(*option)
        _begin_to_connect(sock, address[4])
        sockets.watch(sock)
        undo.callback(sockets.forget)
        _finish_to_connect(sock, timeout)
        sockets.check()  # for systems whose shutdown does not reach so early
        undo.pop_all()
        return sock


def _begin_to_connect(sock: socket.socket, address: Any) -> None:
    # Begun before it is watched: a shutdown ends a connection being made, but one that comes
    # before the system knows of the connection passes without a trace.
    sock.setblocking(False)
    number = sock.connect_ex(address)
    if number not in (0, errno.EINPROGRESS, errno.EWOULDBLOCK):
        raise OSError(number, os.strerror(number))


def _finish_to_connect(sock: socket.socket, timeout: Optional[float]) -> None:
    if not wait_for_write(sock, timeout):
        raise socket.timeout("connecting took too long")
    number = sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
    if number:
        raise OSError(number, os.strerror(number))
    sock.settimeout(timeout)


def _addresses(
    host: str, port: int, timeout: Optional[float], sockets: Sockets
) -> List[Address]:
    literal = _literal(host, port)
    if literal is not None:
        return [literal]
    try:
        return _looked_up((host, port, 0, socket.SOCK_STREAM), timeout, sockets)
    except UnicodeError as error:
        raise OSError(f"{host!r} can't be a name: {error}") from error


def _literal(host: str, port: int) -> Optional[Address]:
    """The address that this is, which nobody has to be asked for; ``None`` where it is a name."""
    address, _, scope = host.partition("%")
    with suppress(OSError, ValueError):
        socket.inet_pton(socket.AF_INET, host)
        return socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP, "", (host, port)
    with suppress(OSError, ValueError):
        socket.inet_pton(socket.AF_INET6, address)
        where = (address, port, 0, _scope_id(scope) if scope else 0)
        return socket.AF_INET6, socket.SOCK_STREAM, socket.IPPROTO_TCP, "", where
    return None


def _scope_id(scope: str) -> int:
    if scope.startswith("25") and scope != "25":  # a URL has %25 for the % (RFC 6874)
        scope = scope[2:]
    return int(scope) if scope.isdigit() else socket.if_nametoindex(scope)


def _looked_up(question: Question, timeout: Optional[float], sockets: Sockets) -> List[Address]:
    """Wait for a look-up at a socket, whose other end is closed when that has ended."""
    ended, others = _socket.socketpair()  # not gevent's, for it is closed by a native thread
    tell = others.close
    lookup = lookups().ask(question, tell)
    try:
        sockets.watch(ended)
        has_ended = wait_for_read(ended, timeout)  # type: ignore[arg-type]
        sockets.forget()
        sockets.check()
        if not has_ended:
            raise socket.timeout("the look-up of its name took too long")
        return lookup.result()
    finally:
        lookups().give_up(lookup, tell)
        ended.close()
        others.close()

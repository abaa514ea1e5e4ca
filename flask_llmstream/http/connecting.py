"""``connect``: looks a server's name up and connects to it. Any thread can end both.

The look-up waits at a socket, too. So everything that ends the wait at a socket (a shutdown, a
killed greenlet, a timeout) ends each wait of a call.
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

from ..runtime.atomic import try_pop
from ..runtime.lookups import Question, lookups
from .fair_socket import fair

Address = Tuple[Any, ...]
"""An entry of ``getaddrinfo``: family, kind, protocol, name, and the address to connect to."""


class Sockets:
    """The sockets of one call, each as a duplicated descriptor.

    TLS moves a socket's descriptor to another object, and libraries close a socket that failed.
    The number may then belong to another socket. A duplicate stays valid. A thread takes a
    duplicate out of the deque before it uses it, so no two threads use the same one. This needs no
    lock, for which the hub could not wait.

    The duplicate of a connected socket goes with its connection to the next call, from one such
    object to another. Who has taken it out of the deque owns the connection: either the call gives
    the connection on, or an abort ends it.

    :ivar aborted: set to end the call; :meth:`watch` and :meth:`check` then raise.
    """

    __slots__ = ("aborted", "_ours", "_process")

    def __init__(self) -> None:
        self.aborted = False
        self._ours: Deque[_socket.socket] = deque()
        self._process = os.getpid()

    def watch(self, sock: Any) -> None:
        """Keep a socket that is about to wait, so that :meth:`hang_up` can end the wait.

        :raises ConnectionAbortedError: the call was aborted before.
        """
        self._process = os.getpid()  # a fork may have made a call that its parent had prepared
        # The plain class: gevent's would look for a hub on the thread that aborts.
        self.hold(_socket.socket(fileno=os.dup(sock.fileno())))

    def hold(self, duplicate: _socket.socket) -> None:
        """Watch a socket of which there is a duplicate; see :meth:`release`.

        :raises ConnectionAbortedError: the call was aborted before.
        """
        self._ours.append(duplicate)
        # abort() sets the flag and then empties the deque. Either it finds this socket there, or
        # it has set the flag before this line.
        if self.aborted:
            self.forget()
        self.check()

    def release(self) -> Optional[_socket.socket]:
        """Give up the duplicate of the socket that was watched last. An abort does not end it any
        more. ``None`` where an abort was quicker."""
        return try_pop(self._ours)

    def forget(self) -> None:
        """Drop the socket that was watched last. Its wait is over."""
        duplicate = self.release()
        if duplicate is not None:
            duplicate.close()

    def check(self) -> None:
        """Raise ``ConnectionAbortedError`` if the call was aborted."""
        if self.aborted:
            raise ConnectionAbortedError("aborted")

    def hang_up(self) -> None:
        """End each wait at these sockets, and drop the sockets."""
        with suppress(IndexError):  # raised when the deque is empty; another thread may empty it
            while True:
                ours = self._ours.popleft()
                hang_up(ours, self._process)


def is_quiet(sock: _socket.socket) -> bool:
    """Whether nothing has arrived at a socket: no byte, no end and no reset. Does not wait."""
    try:
        sock.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT)
    except BlockingIOError:
        return True
    except OSError:  # a reset
        return False
    return False


def hang_up(duplicate: _socket.socket, process: int) -> None:
    """End a connection, and each wait at its socket.

    :param process: the process that has made the connection. Another one, forked from it, only
        closes its own descriptor: the parent goes on.
    """
    if os.getpid() == process:
        with suppress(OSError):  # it is not connected yet, or not any more
            duplicate.shutdown(socket.SHUT_RDWR)
    duplicate.close()


def connect(
    host: str, port: int, timeout: Optional[float], options: Any, sockets: Sockets
) -> socket.socket:
    """As ``socket.create_connection``, which keeps its socket to itself until it is connected.

    :param timeout: seconds to look the name up, and then for each address; ``None``: no bound.
    :param options: for ``setsockopt``, each a tuple of its arguments.
    :param sockets: is given each socket that waits.
    :raises ConnectionAbortedError: the call was aborted.
    :raises socket.timeout: the look-up, or the last address, took too long.
    :raises OSError: there is no such name, or no address takes the connection.
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
    # It begins before the socket is watched. A shutdown ends a connection that is being made, but
    # has no effect before the system has begun to make it.
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
    """The address of a host that is an IP address; ``None`` for a name."""
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
    """Look a name up, and wait at a socket for it: the other end is closed after the look-up."""
    ended, other_end = _socket.socketpair()  # not gevent's, because a native thread closes it
    tell = other_end.close
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
        other_end.close()

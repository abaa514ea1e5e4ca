"""Takes the server's end of a connection from another process: pidfd_getfd(2), Linux 5.6."""

from __future__ import annotations

import contextlib
import ctypes
import os
import socket
from typing import Iterator

PIDFD_OPEN, PIDFD_GETFD = 434, 438


def accepted(pid: int, client: socket.socket) -> socket.socket:
    """The socket that a process accepted from this client.

    :raises OSError: the kernel is older, or forbids it.
    """
    for candidate in _sockets(pid):
        with contextlib.suppress(OSError):
            if candidate.getpeername() == client.getsockname():
                return candidate
        candidate.close()
    raise AssertionError("the process has no such connection")


def _sockets(pid: int) -> Iterator[socket.socket]:
    process = _system_call(PIDFD_OPEN, pid, 0)
    try:
        for descriptor in os.listdir(f"/proc/{pid}/fd"):
            if os.readlink(f"/proc/{pid}/fd/{descriptor}").startswith("socket:"):
                yield socket.socket(fileno=_system_call(PIDFD_GETFD, process, int(descriptor), 0))
    finally:
        os.close(process)


def _system_call(number: int, *arguments: int) -> int:
    result = ctypes.CDLL(None, use_errno=True).syscall(number, *arguments)
    if result == -1:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return int(result)

"""``pause``: waits for a time. Any thread can end the wait, as at any socket."""

from __future__ import annotations

import _socket

from urllib3.util.wait import wait_for_read

from ..http.connecting import Sockets


def pause(seconds: float, sockets: Sockets) -> None:
    """Wait, at a socket at which nothing arrives.

    :raises ConnectionAbortedError: the wait was ended.
    """
    ours, other_end = _socket.socketpair()
    try:
        sockets.watch(ours)
        wait_for_read(ours, seconds)  # type: ignore[arg-type]
        sockets.forget()
        sockets.check()
    finally:
        ours.close()
        other_end.close()

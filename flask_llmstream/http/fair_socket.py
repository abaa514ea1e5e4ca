"""``fair``: sockets that give the hub its turn between two reads, if it is due.

A read returns at once if data is there. A server that never stops sending data without result
(comments, endless headers) would keep the hub from all other greenlets.
"""

from __future__ import annotations

import socket
from functools import lru_cache
from typing import Any, Type

import gevent.socket
import gevent.ssl
from gevent import getcurrent

from ..runtime.event_loop.greenlet import loop_greenlet
from ..runtime.turns import take_turn

FEW_BYTES = 2048
"""A read of fewer bytes is one of some tokens that came alone. Behind more bytes in a read there
are often still more, and to ask for them is cheaper than to wait."""


@lru_cache(maxsize=None)
def fair(socket_class: Any) -> Type[Any]:
    """A class of such sockets.

    :param socket_class: the class to extend, plain or of TLS.
    """
    reading: Type[Any] = _Fair
    if issubclass(socket_class, gevent.ssl.SSLSocket):
        reading = _FairOnHubWithTLS
    elif issubclass(socket_class, gevent.socket.socket):
        reading = _FairOnHub
    return type("FairSocket", (reading, socket_class), {})


class _Fair:
    """Reads of a socket."""

    def recv(self, *args: Any, **kwargs: Any) -> Any:
        take_turn()
        return super().recv(*args, **kwargs)  # type: ignore[misc]

    def recv_into(self, *args: Any, **kwargs: Any) -> Any:
        take_turn()
        return super().recv_into(*args, **kwargs)  # type: ignore[misc]


class _FairOnHub(_Fair):
    """Reads of a socket of gevent's.

    gevent asks the kernel, which has nothing yet, and waits then, with a timeout that it makes for
    this wait. A model says one token after the other, so that nearly every read is such a one. Here
    a read waits first if the last one has taken all that had come, and that was little; and one
    timer serves for all waits.
    """

    timeout: Any
    hub: Any
    _read_event: Any
    _has_taken_all = False
    _timer: Any = None
    _timer_seconds: Any = None

    def recv(self, size: int, flags: int = 0) -> Any:
        # On the event loop's thread a wait is none of the loop's turns.
        if self._has_taken_all and self.timeout != 0 and loop_greenlet() is None:
            self._wait_for_bytes()
        else:
            take_turn()
        data = super(_Fair, self).recv(size, flags)  # type: ignore[misc]
        self._has_taken_all = len(data) < min(size, FEW_BYTES)
        return data

    def close(self) -> None:
        self._has_taken_all = False  # a later read fails at once
        self._close_timer()
        super().close()  # type: ignore[misc]

    def _wait_for_bytes(self) -> None:
        """Wait until the kernel has bytes, or the end of the connection.

        :raises socket.timeout: there was neither within the timeout.
        """
        if self.timeout is None:
            self.hub.wait(self._read_event)
            return
        if self.timeout != self._timer_seconds:
            self._close_timer()
            self._timer_seconds = self.timeout
            # The priority of gevent's own: bytes that come in the last moment are seen first.
            self._timer = self.hub.loop.timer(self.timeout, self.timeout, priority=-1)
        timer = self._timer  # the socket may be closed meanwhile, and this wait ended
        timer.again(getcurrent().throw, socket.timeout, "timed out")
        try:
            self.hub.wait(self._read_event)
        finally:
            timer.stop()

    def _close_timer(self) -> None:
        timer, self._timer, self._timer_seconds = self._timer, None, None
        if timer is not None:
            timer.close()


class _FairOnHubWithTLS(_FairOnHub):
    """Reads of a socket of gevent's with TLS, which may hold bytes that the kernel has not."""

    pending: Any

    def recv(self, size: int, flags: int = 0) -> Any:
        self._has_taken_all = self._has_taken_all and not self.pending()
        return super().recv(size, flags)

"""``IdleConnections``: the connections that wait for the next call of one client.

It takes no lock: native threads and greenlets share it, and a finalizer may end it anywhere.
"""

from __future__ import annotations

import os
from collections import deque
from contextlib import suppress
from functools import partial
from time import monotonic
from typing import Any, Deque, Dict, Hashable, Optional, Tuple

from ..runtime.atomic import try_pop
from .connection import Connection

MOST_IDLE = 100
"""The most connections that wait at a time, as in OpenAI's client. The oldest is ended first."""

IDLE_SECONDS = 30
"""How long a connection may wait. Servers and what lies before them end it after some 5 s (Node,
uvicorn) to 75 s (nginx), mostly 60 s."""

Place = Tuple[Hashable, Any]
"""Where a connection leads, and the hub to which it belongs."""


class IdleConnections:
    """Connections to be used again, the last one first, so that the others may grow too old.

    There is no timer: the connections that are too old end at the next call, or with this object.
    """

    def __init__(self) -> None:
        self._process = os.getpid()
        self._waiting: Dict[Place, Deque[Connection]] = {}

    def take(self, place: Place) -> Optional[Connection]:
        """A connection to which nothing has happened since; ``None``: make a new one."""
        idle = self._of_this_process().get(place)
        while idle:
            connection = try_pop(idle)
            if connection is None:
                break
            if connection.kept_until > monotonic() and connection.is_unchanged():
                return connection
            connection.discard()
        return None

    def keep(self, place: Place, connection: Connection, seconds: float = IDLE_SECONDS) -> None:
        """Keep a connection whose answer was read to its end.

        :param seconds: how long its server keeps it.
        """
        connection.kept_until = monotonic() + min(seconds, IDLE_SECONDS)
        idle = self._of_this_process().setdefault(place, deque())
        idle.append(connection)
        # Between the look at the oldest and its removal another thread may have removed it. Then
        # the next one is ended too early, which only costs a connection.
        while idle and (len(idle) > MOST_IDLE or idle[0].kept_until < monotonic()):
            with suppress(IndexError):
                idle.popleft().discard()

    def close(self) -> None:
        """End all connections."""
        waiting, self._waiting = self._waiting, {}
        for idle in waiting.values():
            for connection in iter(partial(try_pop, idle), None):
                connection.discard()

    def _of_this_process(self) -> Dict[Place, Deque[Connection]]:
        """The connections, without those of the process from which this one was forked."""
        if self._process != os.getpid():
            self.close()  # before another thread takes the process for the one that made them
            self._process = os.getpid()
        return self._waiting

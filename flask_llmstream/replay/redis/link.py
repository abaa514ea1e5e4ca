"""``Link``: one connection to the server of some keys, which is found anew after each failure."""

from __future__ import annotations

import os
import weakref
from time import monotonic
from typing import Any, Callable, List, Sequence, Tuple

from ...log import log

Command = Tuple[Any, ...]
"""The words of one command."""

_WRONG_SERVER = {"MOVED": "MovedError", "ASK": "AskError", "CLUSTERDOWN": "ClusterDownError",
                 "MASTERDOWN": "MasterDownError", "READONLY": "ReadOnlyError",
                 "LOADING": "BusyLoadingError"}  # fmt: skip
"""Replies of a server that does not serve these keys, or not yet: their first words, and the
classes of the client libraries. redis-py 5 and valkey-py have no class for most of them, and leave
the word; redis-py 6 takes it off."""

STALE_SECONDS = 1.0
"""A connection that was silent for longer is checked before it is used."""


class RedisUnreachable(Exception):
    """The server can't be reached, or does not answer."""


class Link:
    """One connection. Only one caller at a time may exchange anything.

    :param connect: makes a connection of the client library.
    """

    def __init__(self, connect: Callable[[], Any]) -> None:
        self._connect = connect
        self._connection: Any = None
        self._used = 0.0
        _links.add(self)

    def exchange(self, commands: Sequence[Command]) -> List[Any]:
        """Send commands in one go, and wait for the replies. Blocks the greenlet or the thread.

        :returns: a reply for each. What the server refuses has its error as its reply.
        :raises RedisUnreachable: nothing is known about any of them. The next exchange begins with
            a new connection.
        """
        connection: Any = None
        try:
            if monotonic() - self._used > STALE_SECONDS:
                self.check()
            connection = self._connection or self._connected()
            connection.send_packed_command(connection.pack_commands(commands), check_health=False)
            replies = [_reply(connection) for _ in commands]
            wrong = next(filter(_is_of_the_wrong_server, replies), None)
            if wrong is not None:
                raise wrong
        except BaseException as error:  # also GreenletExit
            self.close()
            _disconnect(connection)  # where this was closed while it connected
            if not isinstance(error, Exception):
                raise
            raise RedisUnreachable(str(error) or type(error).__name__) from error
        self._used = monotonic()
        return replies

    def check(self) -> None:
        """Let go of the connection if the server has closed it. For an exchange that must not fail
        only because Redis was restarted since the last one."""
        connection = self._connection
        if connection is None:
            return
        try:
            is_stale = connection.can_read(0)
        except Exception:  # it tells an end by several classes
            is_stale = True
        if is_stale:
            self.close()

    def close(self) -> None:
        """Let go of the connection. An exchange that waits on another thread fails."""
        connection, self._connection = self._connection, None
        _disconnect(connection)

    def _connected(self) -> Any:
        self._connection = connection = self._connect()
        connection.connect()
        return connection


_links: "weakref.WeakSet[Link]" = weakref.WeakSet()


def _close_in_child() -> None:
    """A forked child must not read the replies of its parent: where greenlets wait for them, they
    are copied, too. Its descriptors are closed, and the connections stay open."""
    for link in list(_links):
        link.close()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_close_in_child)


def _disconnect(connection: Any) -> None:
    if connection is not None:
        log.isolated(connection.disconnect, "a connection to Redis could not be closed")


def _reply(connection: Any) -> Any:
    try:
        return connection.read_response()
    except Exception as error:
        if is_refusal(error):
            return error
        raise


def _is_of_the_wrong_server(reply: Any) -> bool:
    return isinstance(reply, Exception) and (
        type(reply).__name__ in _WRONG_SERVER.values() or str(reply).split(" ")[0] in _WRONG_SERVER
    )


def is_refusal(reply: Any) -> bool:
    """Whether a reply is the server's refusal of one command. redis-py and valkey-py have a class
    each."""
    return any(kind.__name__ == "ResponseError" for kind in type(reply).__mro__)

"""``Link``: one connection to the server of some keys, which is found anew after each failure."""

from __future__ import annotations

import os
import weakref
from time import monotonic
from typing import Any, Callable, List, NoReturn, Sequence, Tuple

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
    """One connection. Only one caller at a time may use it.

    :param connect: makes a connection of the client library.
    """

    def __init__(self, connect: Callable[[], Any]) -> None:
        self._connect = connect
        self._connection: Any = None
        self._asked: Any = None  # the connection that owes replies
        self._owed = 0
        self._used = 0.0
        _links.add(self)

    def exchange(self, commands: Sequence[Command]) -> List[Any]:
        """:meth:`send` commands, and :meth:`receive` the replies."""
        self.send(commands)
        return self.receive()

    def send(self, commands: Sequence[Command]) -> None:
        """Send commands in one go. Nothing else is sent before :meth:`receive`. Blocks the greenlet
        or the thread.

        :raises RedisUnreachable: nothing is known about any of them. The next commands go to a new
            connection.
        """
        try:
            if self._asked is not self._connection:  # it was closed while it connected
                self.close()
            if monotonic() - self._used > STALE_SECONDS:
                self.check()
            self._asked = connection = self._connection or self._connected()
            self._owed = len(commands)
            connection.send_packed_command([b"".join(map(packed, commands))], check_health=False)
        except BaseException as error:  # also GreenletExit
            self._give_up(error)

    def receive(self) -> List[Any]:
        """Wait for the replies. Blocks the greenlet or the thread.

        :returns: a reply for each command. What the server refuses has its error as its reply.
        :raises RedisUnreachable: as of :meth:`send`.
        """
        connection = self._asked
        if connection is None:
            raise RedisUnreachable("the connection was closed")
        try:
            replies = [_reply(connection) for _ in range(self._owed)]
        except BaseException as error:  # also GreenletExit
            self._give_up(error)
        self._used = monotonic()
        return replies

    def _give_up(self, error: BaseException) -> NoReturn:
        self.close()
        if not isinstance(error, Exception):
            raise error
        raise RedisUnreachable(str(error) or type(error).__name__) from error

    def check(self) -> None:
        """Let go of the connection if the server has closed it. For commands that must not fail
        only because Redis was restarted since the last ones. No reply may be owed."""
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
        """Let go of the connection. A caller that waits on another thread fails."""
        # One that is closed while it connects is used once more: then only ``_asked`` has it.
        connections = {self._connection, self._asked}
        self._connection = self._asked = None
        for connection in connections:
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
        if is_refusal(error) and not _is_of_the_wrong_server(error):
            return error
        raise


def _is_of_the_wrong_server(error: Exception) -> bool:
    first_word = str(error).split(" ")[0]
    return first_word in _WRONG_SERVER or type(error).__name__ in _WRONG_SERVER.values()


def is_refusal(reply: Any) -> bool:
    """Whether a reply is the server's refusal of one command. redis-py and valkey-py have a class
    each."""
    return isinstance(reply, Exception) and any(
        kind.__name__ == "ResponseError" for kind in type(reply).__mro__
    )


def check_answered(reply: Any) -> None:
    """Refuse a refusal, where nothing can be done without an answer.

    :raises RedisUnreachable: the reply is one.
    """
    if is_refusal(reply):
        raise RedisUnreachable(str(reply)) from reply


def packed(command: Command) -> bytes:
    """A command as Redis reads it: the protocol's array of strings. The client libraries look at
    the type of each word several times, which costs more than all else on the path of a token."""
    parts = [b"*%d\r\n" % len(command)]
    for word in command:
        if not isinstance(word, bytes):
            word = word.encode() if isinstance(word, str) else b"%d" % word
        parts.append(b"$%d\r\n%b\r\n" % (len(word), word))
    return b"".join(parts)

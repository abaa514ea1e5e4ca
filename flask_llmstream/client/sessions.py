"""``endable``: a copy of a requests session whose connections any thread can end.

requests gives a connection to its caller when the answer's headers are there. The copy's adapters
make connections that are watched from their first step. All else is the session's own: cookies,
which both share, auth, headers, proxies, certificates, hooks, and the classes of its adapters.
"""

# mypy: disable-error-code=import-untyped

from __future__ import annotations

import os
import socket
from collections import OrderedDict
from copy import copy
from functools import lru_cache, partial
from typing import Any, Dict, List, Type

from requests import Session
from requests.adapters import HTTPAdapter
from urllib3 import PoolManager
from urllib3.connection import HTTPConnection
from urllib3.exceptions import ConnectTimeoutError, NewConnectionError

from ..http.connecting import Sockets, connect


class Wire:
    """The connection of a reader.

    :param sockets: watches each socket, so that any thread can end the wait at it.
    :ivar sock: the socket over which the last request went; ``None`` where it is not known.
    :ivar is_connected: whether a connection has been made since the last request began.
    """

    def __init__(self, sockets: Sockets) -> None:
        self.sockets = sockets
        self.sock: Any = None
        self.is_connected = False
        self._made: List[Any] = []

    def make(self, connection: Any) -> socket.socket:
        """A new socket of a connection of urllib3's. Its errors are urllib3's."""
        sock = _connected(connection, self.sockets)
        self._made.append(sock)
        return sock

    def close(self) -> None:
        """Close the sockets, also one of which a file is still open: Python 3.8 leaves that
        behind where a proxy makes no tunnel."""
        for sock in self._made:
            sock.close()
            if sock.fileno() >= 0:
                os.close(sock.detach())
        self.sockets.hang_up()


def endable(session: Session, wire: Wire) -> Session:
    """A copy of the session whose connections are watched. It shares none with the session.

    An adapter that does not connect through urllib3, such as a mock, is taken as it is.
    """
    ours: Session = _copy(session)
    ours.adapters = OrderedDict(
        (prefix, _endable_adapter(adapter, wire)) for prefix, adapter in session.adapters.items()
    )
    return ours


def release(session: Session) -> None:
    """Close the connections of such a copy, and nothing of the session behind it."""
    adapter: Any
    for adapter in session.adapters.values():
        managers = getattr(adapter, "proxy_manager", None)
        if isinstance(managers, _ProxyManagers):
            for manager in (adapter.poolmanager, *managers.values()):
                manager.clear()


def _copy(original: Any) -> Any:
    # Not by copy.copy(): those of requests keep the attributes alone that requests has itself.
    made = object.__new__(type(original))
    vars(made).update(vars(original))
    return made


def _endable_adapter(adapter: Any, wire: Wire) -> Any:
    if not isinstance(getattr(adapter, "poolmanager", None), PoolManager):
        return adapter
    if not isinstance(adapter, HTTPAdapter):
        return adapter
    ours = _copy(adapter)
    ours.poolmanager = _endable_manager(copy(adapter.poolmanager), wire)
    ours.proxy_manager = _ProxyManagers(adapter.proxy_manager, wire)
    return ours


class _ProxyManagers(Dict[str, Any]):
    """The managers that requests makes for its proxies, and copies of those that it has made.

    :param made: those of the adapter.
    """

    def __init__(self, made: Dict[str, Any], wire: Wire) -> None:
        super().__init__()
        self._wire = wire
        for proxy, manager in made.copy().items():
            self[proxy] = copy(manager)

    def __setitem__(self, proxy: str, manager: Any) -> None:
        super().__setitem__(proxy, _endable_manager(manager, self._wire))


def _endable_manager(manager: Any, wire: Wire) -> Any:
    pools = type(manager.pools)
    manager.pools = pools(maxsize=10, dispose_func=lambda pool: pool.close())
    manager.pool_classes_by_scheme = {
        scheme: partial(_new_pool, pool_class, wire)
        for scheme, pool_class in manager.pool_classes_by_scheme.items()
    }
    return manager


def _new_pool(pool_class: Any, wire: Wire, *args: Any, **kwargs: Any) -> Any:
    pool = pool_class(*args, **kwargs)
    pool.ConnectionCls = partial(_new_connection, pool.ConnectionCls, wire)
    return pool


def _new_connection(connection_class: Any, wire: Wire, **kwargs: Any) -> Any:
    connection = _endable_class(connection_class)(**kwargs)
    connection.wire = wire
    return connection


@lru_cache(maxsize=16)
def _endable_class(connection_class: Any) -> Type[Any]:
    return type("EndableConnection", (_Endable, connection_class), {})


class _Endable:
    """The steps of a connection of urllib3's at which it is watched."""

    wire: Wire

    def _new_conn(self) -> Any:
        connection: Any = self
        inherited: Any = super()
        is_plain = _makes_plain_sockets(type(self))
        if is_plain and not connection.source_address:
            return self.wire.make(connection)
        sock = inherited._new_conn()
        self.wire.sockets.watch(sock)
        return sock

    def connect(self) -> None:
        super().connect()  # type: ignore[misc]
        self.wire.is_connected = True

    def getresponse(self, *args: Any, **kwargs: Any) -> Any:
        self.wire.sock = self.sock  # type: ignore[attr-defined]
        return super().getresponse(*args, **kwargs)  # type: ignore[misc]


def _makes_plain_sockets(endable_class: Any) -> bool:
    """Whether urllib3 itself connects: not a subclass for SOCKS or for Unix sockets."""
    base = endable_class.__mro__[2]
    return getattr(base, "_new_conn", None) is HTTPConnection._new_conn


def _connected(connection: Any, sockets: Sockets) -> socket.socket:
    host = connection._dns_host
    try:
        options = connection.socket_options
        return connect(host, connection.port, connection.timeout, options, sockets)
    except socket.timeout as error:
        raise ConnectTimeoutError(connection, f"Connection to {host} timed out.") from error
    except OSError as error:
        raise NewConnectionError(connection, f"No connection could be made: {error}") from error

"""``AbortableAdapter``: the transport of requests for one call, which any thread can end.

A call waits at a socket in five places: the look-up of its name, the connection, the TLS handshake,
the headers and the body. ``response.close()`` from another thread ends none of these waits. A
shutdown of the socket ends each of them within milliseconds.
"""

# mypy: disable-error-code=import-untyped

from __future__ import annotations

import socket
from ssl import SSLContext
from typing import Any, Callable, Dict, List, Optional

from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.exceptions import ConnectTimeoutError, NewConnectionError

from .connecting import Sockets, connect


class AbortableAdapter(HTTPAdapter):
    """The transport of one call. Make a new one for each call.

    Any thread may use :meth:`abort` and :attr:`aborted`. The other methods belong to the thread
    that makes the call.

    :param tls: the context for ``https``; see :mod:`.tls`. Default: none, for ``http``.
    """

    def __init__(self, tls: Optional[SSLContext] = None) -> None:
        self._sockets = Sockets()
        self._connections: List[HTTPConnection] = []
        self._tls = tls
        super().__init__(pool_connections=1, pool_maxsize=1, max_retries=0)

    @property
    def aborted(self) -> bool:
        """Whether :meth:`abort` was called."""
        return self._sockets.aborted

    def abort(self) -> None:
        """End the call, from any thread or greenlet, at any time, also before it begins.

        Returns at once. A wait of the call ends with the error of a lost connection.
        """
        self._sockets.aborted = True
        self._sockets.hang_up()

    def close(self) -> None:
        """Close all connections now. The server sees them end.

        requests would leave that to the garbage collector, and a kept traceback delays it.
        """
        self._sockets.hang_up()
        while self._connections:
            self._connections.pop().close()
        super().close()

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(*args, ssl_context=self._tls, **kwargs)
        self.poolmanager.pool_classes_by_scheme = _pools(self._sockets, self._connections)

    def proxy_manager_for(self, proxy: str, **kwargs: Any) -> Any:
        manager = super().proxy_manager_for(proxy, ssl_context=self._tls, **kwargs)
        if not proxy.lower().startswith("socks"):  # PySocks makes their connections
            manager.pool_classes_by_scheme = _pools(self._sockets, self._connections)
        return manager

    def cert_verify(self, conn: Any, url: str, verify: Any, cert: Any) -> None:
        if url.lower().startswith("https"):
            conn.cert_reqs = "CERT_REQUIRED"


class _Watched:
    """A connection of urllib3 whose socket is watched before it is connected."""

    sockets: Sockets

    def _new_conn(self: Any) -> socket.socket:
        try:
            return connect(
                self._dns_host, self.port, self.timeout, self.socket_options, self.sockets
            )
        except socket.timeout as error:
            raise ConnectTimeoutError(self, str(error)) from error
        except OSError as error:
            raise NewConnectionError(self, str(error)) from error


class _PlainConnection(_Watched, HTTPConnection):
    """``http``."""


class _TLSConnection(_Watched, HTTPSConnection):
    """``https``."""


def _pools(sockets: Sockets, connections: List[HTTPConnection]) -> Dict[str, Any]:
    """The pools of one adapter. They do not refer to it: a cycle would keep it in memory."""

    def pools_of(pool_class: Any, connection_class: Any) -> Callable[..., Any]:
        def connection(*args: Any, **kwargs: Any) -> Any:
            made = connection_class(*args, **kwargs)
            made.sockets = sockets
            connections.append(made)
            return made

        def pool(*args: Any, **kwargs: Any) -> Any:
            made = pool_class(*args, **kwargs)
            made.ConnectionCls = connection
            return made

        return pool

    return {
        "http": pools_of(HTTPConnectionPool, _PlainConnection),
        "https": pools_of(HTTPSConnectionPool, _TLSConnection),
    }

"""``AbortableAdapter``: one HTTP call over requests that can be ended from any thread.

A call blocks where its socket blocks: while its name is looked up, connecting, in the TLS
handshake, waiting for the headers, waiting for more of the body. ``response.close()`` from another
thread frees none of these waits; shutting the socket down frees all of them within milliseconds.
"""

# mypy: disable-error-code=import-untyped

from __future__ import annotations

import os
import socket
from functools import lru_cache
from ssl import SSLContext, SSLSocket
from typing import Any, Callable, Dict, List, Optional, Type

from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.exceptions import ConnectTimeoutError, NewConnectionError
from urllib3.util.ssl_ import create_urllib3_context

from .connecting import Sockets, connect
from .fair_socket import fair


class AbortableAdapter(HTTPAdapter):
    """The transport of one call. Make a new one for each.

    :param tls: the context for ``https``, its certificates loaded; see :func:`tls_context`.
    :ivar aborted: whether :meth:`abort` was called.
    """

    def __init__(self, tls: Optional[SSLContext] = None) -> None:
        self._sockets = Sockets()
        self._connections: List[HTTPConnection] = []
        self._tls = tls
        super().__init__(pool_connections=1, pool_maxsize=1, max_retries=0)

    @property
    def aborted(self) -> bool:
        return self._sockets.aborted

    def abort(self) -> None:
        """End the call, from any thread or greenlet, at any time, also before it begins.

        Returns at once. Whatever waits for the call gets the error of a lost connection.
        """
        self._sockets.aborted = True
        self._sockets.hang_up()

    def close(self) -> None:
        """Let go of everything, now; the server sees the connection end.

        requests would leave that to the garbage collector, which a kept traceback holds up.
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
        if not proxy.lower().startswith("socks"):  # those connect in their own way
            manager.pool_classes_by_scheme = _pools(self._sockets, self._connections)
        return manager

    def cert_verify(self, conn: Any, url: str, verify: Any, cert: Any) -> None:
        if url.lower().startswith("https"):
            conn.cert_reqs = "CERT_REQUIRED"


class _Watched:
    """A connection of urllib3 whose socket is watched from before it connects."""

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
    """The pools of one adapter. They know nothing of it, so that no cycle keeps it."""

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


@lru_cache(maxsize=16)
def tls_context(bundle: str) -> SSLContext:
    """The context for all calls that trust these authorities, a file or a folder.

    Made once, as loading the usual ones takes 18 ms of CPU.
    """
    context: SSLContext = create_urllib3_context()
    where = {"capath" if os.path.isdir(bundle) else "cafile": bundle}
    context.load_verify_locations(**where)
    kind: Any = context.sslsocket_class
    context.sslsocket_class = _closing(fair(kind))
    return context


def _closing(socket_class: Type[SSLSocket]) -> Type[SSLSocket]:
    """The class of sockets that close when they are killed while shaking hands: nobody else has
    them in reach by then."""

    class ClosingSocket(socket_class):  # type: ignore[valid-type, misc]
        def do_handshake(self, *args: Any, **kwargs: Any) -> None:
            try:
                super().do_handshake(*args, **kwargs)
            except BaseException:
                self.close()
                raise

    return ClosingSocket

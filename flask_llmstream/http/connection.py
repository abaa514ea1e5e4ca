"""``Connection``: a connection to a server, on which one call after the other is made.

urllib3 makes it, with TLS and through a proxy. A call waits there at a socket in four places: the
look-up of a name, the connection, the proxy's answer and the TLS handshake.
"""

# mypy: disable-error-code=import-untyped

from __future__ import annotations

import _socket
import os
import socket
from contextlib import suppress
from ssl import CERT_REQUIRED, SSLCertVerificationError, SSLContext, SSLWantReadError
from types import SimpleNamespace
from typing import Any, Optional

import gevent
from requests.adapters import SOCKSProxyManager
from requests.utils import get_auth_from_url
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.util.ssl_match_hostname import CertificateError
from urllib3.util.ssltransport import SSLTransport

from .address import Address
from .connecting import Sockets, connect, hang_up, is_quiet
from .incoming import Incoming
from .route import Proxy

_hub_if_exists = gevent._hub_local.get_hub_if_exists


class Connection:
    """A connected socket. One call uses it at a time.

    :param sock: the socket.
    :param hub: the hub to which gevent's socket belongs; ``None``: any thread may use it.
    :param proxy: the proxy that gets the requests, and forwards them.
    :ivar proxy: as given; ``None``: the server gets them itself.
    :ivar incoming: the bytes that arrive.
    :ivar duplicate: the duplicate of its descriptor, while no call uses it; see :class:`Sockets`.
    :ivar hub: as given.
    :ivar is_reused: whether a call was made before.
    :ivar kept_until: when it is too old to be used, by the clock of ``time.monotonic``.
    """

    def __init__(self, sock: Any, hub: Any, proxy: Optional[Proxy]) -> None:
        self._sock = sock
        self.proxy = proxy
        self._process = os.getpid()
        self.incoming = Incoming(sock)
        self.duplicate: Optional[_socket.socket] = None
        self.hub = hub
        self.is_reused = False
        self.kept_until = 0.0

    @property
    def can_be_kept(self) -> bool:
        """Whether it may outlive the call. The hub of another thread may end with its thread."""
        return self._process == os.getpid() and (self.hub is None or self.hub.main_hub)

    @property
    def has_rest(self) -> bool:
        """Whether bytes were read that no answer has taken."""
        return bool(self.incoming.held) or _holds_bytes(self._sock)

    def is_unchanged(self) -> bool:
        """Whether nothing has arrived while it waited: no byte, no end and no reset."""
        return self.duplicate is not None and is_quiet(self.duplicate)

    def hand_to(self, sockets: Sockets) -> None:
        """A call begins to use it.

        :raises ConnectionAbortedError: the call was aborted. The connection is ended.
        """
        duplicate, self.duplicate = self.duplicate, None
        assert duplicate is not None, "the connection is in use"
        self.is_reused = True
        try:
            sockets.hold(duplicate)
        except ConnectionAbortedError:
            sockets.hang_up()
            self.close()
            raise

    def take_from(self, sockets: Sockets) -> bool:
        """The call has come to its end. ``False`` where an abort was quicker."""
        self.duplicate = sockets.release()
        return self.duplicate is not None

    def reads_early(self) -> bool:
        """Whether bytes have arrived that nobody asked for. Does not wait."""
        timeout = self._sock.gettimeout()
        self._sock.settimeout(0)
        try:
            self.incoming.held = self.incoming.read()
        except (BlockingIOError, SSLWantReadError):
            return False
        finally:
            self._sock.settimeout(timeout)
        return True

    def set_timeout(self, seconds: Optional[float]) -> None:
        """The longest wait for room to send and for bytes; ``None``: no bound."""
        self._sock.settimeout(seconds)

    def send(self, data: bytes) -> None:
        """Send bytes.

        :raises OSError: the connection broke, or its timeout ran out.
        """
        self._sock.sendall(data)

    def close(self) -> None:
        """End the connection. A forked process only closes its own descriptors."""
        duplicate, self.duplicate = self.duplicate, None
        if duplicate is not None:
            hang_up(duplicate, self._process)
        with suppress(OSError):
            self._sock.close()

    def discard(self) -> None:
        """End the connection, from any thread."""
        if self.hub is None or self.hub is _hub_if_exists():
            self.close()
        else:
            self.hub.loop.run_callback_threadsafe(self.close)


def _holds_bytes(sock: Any) -> bool:
    """Whether a layer of TLS has read bytes that nobody has taken from it yet."""
    if isinstance(sock, SSLTransport):  # TLS in TLS
        return bool(sock.sslobj.pending() or sock.incoming.pending) or _holds_bytes(sock.socket)
    pending = getattr(sock, "pending", None)
    return pending is not None and pending() > 0


def connected(
    address: Address,
    proxy: Optional[Proxy],
    tls: Optional[SSLContext],
    timeout: Optional[float],
    sockets: Sockets,
) -> Connection:
    """Connect to a server.

    :param proxy: is used, if there is one.
    :param tls: for ``https``, and for a proxy that is asked over TLS.
    :param timeout: seconds to look a name up, and then for each address and each later wait.
    :param sockets: is given each socket that waits, in the end that of the connection.
    :raises OSError: it can't be made, or the call was aborted.
    :raises HTTPError: urllib3's, for a certificate or a proxy.
    """
    made = _through_socks if proxy is not None and proxy.is_socks else _directly
    connection = made(address, proxy, tls)
    connection.sockets, connection.timeout = sockets, timeout
    connection.cert_reqs = CERT_REQUIRED  # otherwise urllib3 1.26 verifies nothing
    try:
        connection.connect()
        if made is _through_socks:  # PySocks made its socket
            sockets.watch(connection.sock)
    except CertificateError as error:  # urllib3's own, which is a ValueError
        connection.close()
        raise SSLCertVerificationError(str(error)) from error
    except BaseException:
        connection.close()
        raise
    is_forwarded = proxy is not None and made is _directly and address.scheme == "http"
    hub = getattr(connection.sock, "hub", None)
    return Connection(connection.sock, hub, proxy if is_forwarded else None)


def _directly(address: Address, proxy: Optional[Proxy], tls: Optional[SSLContext]) -> Any:
    first = proxy or address
    if address.scheme == "http" and first.scheme == "http":
        return _PlainConnection(first.host, first.port)
    connection = _TLSConnection(first.host, first.port, ssl_context=tls)
    if proxy is not None and address.scheme == "https":
        _tunnel(connection, address, proxy, tls)
    return connection


def _tunnel(connection: Any, address: Address, proxy: Proxy, tls: Optional[SSLContext]) -> None:
    scheme = {}
    if proxy.scheme == "https":  # TLS to the proxy, and in it TLS to the server
        connection.proxy_config = SimpleNamespace(
            ssl_context=tls,
            use_forwarding_for_https=False,
            assert_hostname=None,
            assert_fingerprint=None,
        )
        if hasattr(connection, "tls_in_tls_required"):
            connection.tls_in_tls_required = True  # urllib3 1.26
        else:
            scheme = {"scheme": "https"}
    connection.set_tunnel(address.host, address.port, proxy.headers, **scheme)


def _through_socks(address: Address, proxy: Any, tls: Optional[SSLContext]) -> Any:
    user, password = get_auth_from_url(proxy.url)
    manager = SOCKSProxyManager(proxy.url, username=user, password=password, ssl_context=tls)
    return manager.connection_from_host(address.host, address.port, address.scheme)._new_conn()


class _Watched:
    """A connection of urllib3 whose socket is watched before it is connected."""

    sockets: Sockets

    def _new_conn(self: Any) -> socket.socket:
        return connect(self._dns_host, self.port, self.timeout, self.socket_options, self.sockets)


class _PlainConnection(_Watched, HTTPConnection):
    """``http``."""


class _TLSConnection(_Watched, HTTPSConnection):
    """``https``."""

    assert_hostname = None  # urllib3 1.26 reads it, and its pools set it: the server's own name

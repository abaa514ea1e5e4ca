"""``Connections``: makes the connections of one client, and takes them back.

A connection is given on only if the answer on it was read to its exact end, and nothing has arrived
behind it.
"""

# mypy: disable-error-code=import-untyped

from __future__ import annotations

import weakref
from ssl import SSLContext
from typing import Any, Optional

import gevent

from .address import Address
from .connecting import Sockets
from .connection import Connection, connected
from .environment import trusted_authorities
from .exchange import Exchange
from .idle import IdleConnections, Place
from .route import proxy_to
from .tls import tls_context

_hub_if_exists = gevent._hub_local.get_hub_if_exists


class Connections:
    """The connections of one client. Any thread may use it.

    For the parameters see :class:`HTTPClient`.

    :ivar read_timeout: as given.
    """

    def __init__(
        self,
        connect_timeout: Optional[float],
        read_timeout: Optional[float],
        ca_bundle: Optional[str],
    ) -> None:
        self._connect_timeout = connect_timeout
        self._ca_bundle = ca_bundle
        self._idle = IdleConnections()
        # Not ``__del__``: where the garbage collector finds this object in a cycle, it would have
        # finalized the sockets before. The finalizer's reference keeps them from that.
        weakref.finalize(self, self._idle.close).atexit = False
        self.read_timeout = read_timeout

    def trust(self) -> SSLContext:
        """The context for TLS.

        :raises OSError: the certificate authorities can't be read.
        """
        return tls_context(self._ca_bundle or trusted_authorities())

    def take(self, address: Address, sockets: Sockets) -> Optional[Connection]:
        """A connection that another call has left, now in the hands of a call; ``None``: there is
        none.

        :raises ConnectionAbortedError: the call was aborted.
        """
        # A socket of gevent belongs to its hub, any other to nobody.
        connection = self._idle.take(_place(address, None))
        connection = connection or self._idle.take(_place(address, _hub_if_exists()))
        if connection is not None:
            connection.hand_to(sockets)
        return connection

    def make(self, address: Address, sockets: Sockets) -> Connection:
        """A new connection, in the hands of a call.

        :raises OSError: it can't be made, or the call was aborted.
        :raises HTTPError: urllib3's, for a certificate or a proxy.
        """
        proxy = proxy_to(address)
        needs_tls = address.scheme == "https" or (proxy is not None and proxy.scheme == "https")
        tls = self.trust() if needs_tls else None
        return connected(address, proxy, tls, self._connect_timeout, sockets)

    def give_back(self, exchange: Exchange, address: Address, sockets: Sockets) -> None:
        """Keep the connection of an exchange that is complete, and end any other."""
        connection = exchange.connection
        is_kept = exchange.is_complete and connection.can_be_kept
        if is_kept and connection.take_from(sockets):
            self._idle.keep(_place(address, connection.hub), connection, exchange.seconds_kept)
        else:
            sockets.hang_up()
            connection.close()


def _place(address: Address, hub: Any) -> Place:
    return (address.scheme, address.host, address.port), hub

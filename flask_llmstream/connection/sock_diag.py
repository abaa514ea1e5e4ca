"""The state of a TCP connection, asked of Linux by its two addresses: ``sock_diag(7)``, as ``ss``.

For servers whose application never sees the client's socket. Apache's mod_wsgi is such a server:
its daemon has the request, another process the connection. So are bridges from ASGI, behind which
no write ever fails.

A question costs some 15 µs and needs no privilege. It asks for one connection and reads no table.
Standard library only.
"""

from __future__ import annotations

import _socket
import errno
import struct
from contextlib import closing
from typing import Any, Callable, Mapping, MutableMapping, Optional, Tuple

Address = Tuple[str, int]

NONE = 0
"""No such connection: it is closed, or was reset."""
ESTABLISHED = 1
CLOSE_WAIT = 8
"""The other side has closed it, this side has not yet."""

_NETLINK: Any = getattr(_socket, "AF_NETLINK", None)
_SOCK_DIAG = 4
_BY_FAMILY = 20
_REQUEST = 1
_ERROR = 2
_ALL_STATES = 0xFFFFFFFF
_NO_COOKIE = b"\xff" * 8
_MAPPED = "::ffff:"
_SCOPE = "asgi.scope"
_PROXY_FIX = "werkzeug.proxy_fix.orig"
_NAMING_PORTS = ("REMOTE_PORT", _SCOPE, _PROXY_FIX)
"""One of these tells the client's port, or none does."""


def departure_by_addresses(environ: Mapping[str, Any]) -> Optional[Callable[[], bool]]:
    """Returns a function that says whether the client of a request has left, by the addresses of
    the connection that CGI's variables name.

    :returns: ``None`` where they lead to no connection: the server names no addresses, or names
        those of a proxy's client, or the connection is not this machine's.
    """
    ends = _ends(environ)
    if ends is None or connection_state(*ends) not in (ESTABLISHED, CLOSE_WAIT):
        return None
    local, remote = ends
    return lambda: connection_state(local, remote) not in (ESTABLISHED, None)


def keep_scope(environ: MutableMapping[str, Any], start_response: Any) -> None:
    """Put an ASGI server's scope, which has the addresses, into ``environ``. a2wsgi does that
    itself; in other bridges the scope is an attribute of the ``start_response`` method's object."""
    scope = getattr(getattr(start_response, "__self__", None), "scope", None)
    if isinstance(scope, dict):
        environ.setdefault(_SCOPE, scope)


def _ends(environ: Mapping[str, Any]) -> Optional[Tuple[Address, Address]]:
    if not any(name in environ for name in _NAMING_PORTS):
        return None
    original = {**environ, **environ.get(_PROXY_FIX, {})}
    scope = environ.get(_SCOPE, {})
    # Apache believes the Host header about its own port; mod_wsgi does not.
    port = environ.get("mod_wsgi.listener_port") or original.get("SERVER_PORT")
    here = original.get("SERVER_ADDR") or original.get("SERVER_NAME")
    there = original.get("REMOTE_ADDR"), original.get("REMOTE_PORT")
    try:
        return _address(*scope.get("server") or (here, port)), _address(
            *scope.get("client") or there
        )
    except (AttributeError, TypeError, ValueError):
        return None


def _address(host: Any, port: Any) -> Address:
    """A socket for both versions names an IPv4 address as a mapped IPv6 address. Linux is asked
    for the IPv4 address."""
    is_mapped = host.lower().startswith(_MAPPED) and "." in host
    return host[len(_MAPPED) :] if is_mapped else host, int(port)


def connection_state(local: Address, remote: Address) -> Optional[int]:
    """The state of the TCP connection between two addresses: an IP address and a port each.

    Any state but the three above means that this side has closed the connection, or that it is
    gone and a socket listens at ``local``.

    :returns: ``None`` where the system can't be asked: no Linux, no permission, no IP address.
    """
    if _NETLINK is None:
        return None
    try:
        with closing(_socket.socket(_NETLINK, _socket.SOCK_RAW, _SOCK_DIAG)) as netlink:
            netlink.send(_question(local, remote))
            # The kernel answers within ``send``, so there is nothing to wait for.
            return _state_in(netlink.recv(4096, _socket.MSG_DONTWAIT))
    except (OSError, ValueError, struct.error):
        return None


def _question(local: Address, remote: Address) -> bytes:
    family = _socket.AF_INET6 if ":" in remote[0] else _socket.AF_INET
    ends = [_socket.inet_pton(family, host).ljust(16, b"\0") for host, _ in (local, remote)]
    asked = struct.pack("=BBBBI", family, _socket.IPPROTO_TCP, 0, 0, _ALL_STATES)
    asked += struct.pack("!HH", local[1], remote[1]) + b"".join(ends) + bytes(4) + _NO_COOKIE
    return struct.pack("=IHHII", 16 + len(asked), _BY_FAMILY, _REQUEST, 0, 0) + asked


def _state_in(answer: bytes) -> int:
    if struct.unpack_from("=H", answer, 4)[0] == _ERROR:
        number = -struct.unpack_from("=i", answer, 16)[0]
        if number == errno.ENOENT:
            return NONE
        raise OSError(number, "sock_diag")
    return answer[17]

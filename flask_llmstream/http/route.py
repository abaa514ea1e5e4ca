"""``proxy_to``: the way to a server: straight, or through the proxy that the environment names.

It imports requests, which reads the environment.
"""

# mypy: disable-error-code=import-untyped

from __future__ import annotations

from typing import Any, Mapping, NamedTuple, Optional

from requests.adapters import HTTPAdapter
from requests.utils import prepend_scheme_if_needed, select_proxy
from urllib3.util import parse_url

from .address import Address
from .environment import proxies_for


class Proxy(NamedTuple):
    """A proxy.

    :ivar url: its URL.
    :ivar scheme: ``http``, ``https``, or the kind of SOCKS.
    :ivar host: its name or address, without brackets.
    :ivar port: its port.
    :ivar headers: ``Proxy-Authorization``, if its URL has a user and a password.
    """

    url: str
    scheme: str
    host: str
    port: int
    headers: Mapping[str, str]

    @property
    def is_socks(self) -> bool:
        """Whether it speaks SOCKS, not HTTP."""
        return self.scheme.startswith("socks")


def proxy_to(address: Address) -> Optional[Proxy]:
    """The proxy that the environment names for an address.

    :raises OSError: its URL can't be used.
    """
    named = select_proxy(address.url, proxies_for(address.url))
    if not named:
        return None
    url: str = prepend_scheme_if_needed(named, "http")  # type: ignore[no-untyped-call]
    parts: Any = parse_url(url)
    if not parts.host:
        raise OSError("the URL of the proxy has no host")
    port = parts.port or {"https": 443}.get(parts.scheme, 80)
    headers = HTTPAdapter().proxy_headers(url)
    return Proxy(url, parts.scheme, parts.host.strip("[]"), port, headers)

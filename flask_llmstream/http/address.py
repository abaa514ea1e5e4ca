"""``Address``: a URL as a call needs it, read once.

It imports requests, which knows how a URL is made fit to be sent.
"""

# mypy: disable-error-code=import-untyped

from __future__ import annotations

from functools import lru_cache
from types import MappingProxyType
from typing import Any, Mapping, NamedTuple

from requests import Request
from urllib3.util import parse_url


class Address(NamedTuple):
    """A URL in its parts.

    :ivar url: the whole URL, in the form that is sent to a proxy.
    :ivar scheme: ``http`` or ``https``.
    :ivar host: the name or the IP address, without brackets.
    :ivar port: the port, also where the URL has none.
    :ivar authority: the value of the header ``Host``.
    :ivar target: the path and the query.
    :ivar headers: ``Authorization``, if the URL has a user and a password.
    """

    url: str
    scheme: str
    host: str
    port: int
    authority: str
    target: str
    headers: Mapping[str, str]


@lru_cache(maxsize=256)  # to read one takes longer than to send a request
def address_of(url: str) -> Address:
    """Read an absolute URL.

    :raises ValueError: it can't be sent.
    """
    request = Request("GET", url).prepare()
    parts: Any = parse_url(request.url or "")
    if parts.scheme not in ("http", "https"):
        raise ValueError(f"the scheme has to be http or https, not {parts.scheme!r}")
    port = parts.port or {"http": 80, "https": 443}[parts.scheme]
    authority = parts.host if parts.port is None else f"{parts.host}:{parts.port}"
    sent = parts._replace(auth=None, fragment=None).url
    headers = MappingProxyType(dict(request.headers))
    host = parts.host.strip("[]")
    return Address(sent, parts.scheme, host, port, authority, request.path_url, headers)

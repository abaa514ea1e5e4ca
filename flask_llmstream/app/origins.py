"""Tells from a browser's headers whether a page of another site sent a request. Standard library
only, no I/O.

Programs that are no browsers do not send these headers. Their requests come from no page.
"""

from __future__ import annotations

import re
from typing import Any, FrozenSet, Optional

from ..errors import ConfigurationError

ANY = "*"
"""In place of origins: every origin."""

_ORIGIN = re.compile(r"([a-z][a-z0-9+.-]*)://(\[[0-9a-f:.]+\]|[a-z0-9._-]+)(?::([0-9]{1,5}))?")
_DEFAULT_PORTS = {"http": 80, "https": 443}
_OWN = ("same-origin", "none")
"""``Sec-Fetch-Site`` of requests by this site's own pages, by the user (a typed address) or by a
browser's extension."""


def is_cross_site(site: Optional[str], origin: Optional[str], host: str) -> bool:
    """Did a page of another origin send the request? A subdomain or a port makes another origin.

    :param site: ``Sec-Fetch-Site``, which no page can forge. Browsers leave it out over plain HTTP.
    :param origin: ``Origin``. Its scheme is not compared: TLS may end before the application.
    :param host: the request's host, with its port unless that is the scheme's default.
    """
    if site:
        return site not in _OWN
    if not origin:
        return False
    own = normal_origin(f"{origin.partition('://')[0]}://{host}")
    return own is None or normal_origin(origin) != own


def is_allowed(origin: Optional[str], allowed: FrozenSet[str]) -> bool:
    """Is the origin one of these?

    :param allowed: the result of :func:`checked_origins`.
    """
    return ANY in allowed or normal_origin(origin or "") in allowed


def normal_origin(text: str) -> Optional[str]:
    """An origin as browsers write it: in small letters, without its default port. ``None`` where
    the text is no origin, or is the opaque origin ``null``."""
    found = _ORIGIN.fullmatch(text.lower())
    if found is None or int(found[3] or 0) > 65535:
        return None
    scheme, host, port = found.groups()
    if port is None or int(port) == _DEFAULT_PORTS.get(scheme):
        return f"{scheme}://{host}"
    return f"{scheme}://{host}:{int(port)}"


def checked_origins(name: str, value: Any) -> FrozenSet[str]:
    """The origins of a setting, as browsers write them; ``None`` means no origin.

    :raises ConfigurationError: a text is no origin. The message names it and tells the right form.
    """
    if value is None:
        return frozenset()
    if not isinstance(value, (list, tuple, set, frozenset)):
        example = '["https://app.example.org"]'
        raise ConfigurationError(f"{name}: has to be a list, such as {example}, not {value!r}")
    if ANY in value and len(value) > 1:
        raise ConfigurationError(f"{name}: {ANY!r} allows every origin, and has to stand alone")
    return frozenset(_checked(name, origin) for origin in value)


def _checked(name: str, origin: Any) -> str:
    if origin == ANY:
        return ANY
    if origin == "null":
        raise ConfigurationError(f"{name}: any page can be of the origin 'null', in a sandbox")
    normal = normal_origin(origin) if isinstance(origin, str) else None
    if normal is None:
        raise ConfigurationError(
            f"{name}: {origin!r} is no origin; one is written out as scheme://host or "
            "scheme://host:port, without a path, a slash at its end or a wildcard"
        )
    return normal

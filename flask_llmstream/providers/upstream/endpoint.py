"""``Endpoint``: the address of an API, with the query that each of its calls has.

It imports requests, which knows the URLs that it can send.
"""

# mypy: disable-error-code=import-untyped

from __future__ import annotations

import re
from typing import Any, Iterator, List, Mapping, NamedTuple, Tuple
from urllib.parse import parse_qsl, urlencode, urlsplit

from requests import Request, RequestException

from ...errors import ConfigurationError

_FORM = "base_url: an address like 'https://api.example.com/v1' is wanted"
_SECRET_NAME = re.compile("key|token|secret|sig|auth|pass|cred|code", re.IGNORECASE)


class Endpoint(NamedTuple):
    """An API's address.

    :ivar address: without its query, in which there may be a key.
    :ivar query: the query of each call; ``""`` without one.
    """

    address: str
    query: str

    def url(self, path: str) -> str:
        """The URL of one of its paths, ``/models`` say."""
        return f"{self.address}{path}?{self.query}" if self.query else self.address + path

    def secrets(self) -> Iterator[str]:
        """The values in the query that are keys, by their names."""
        pairs = parse_qsl(self.query)
        return (value for name, value in pairs if _SECRET_NAME.search(name))


def checked_endpoint(base_url: Any, params: Mapping[str, Any], own_path: str) -> Endpoint:
    """Read an address.

    :param base_url: the API's URL; it may have a query.
    :param params: more of the query. A name that the URL has, too, gets this value.
    :param own_path: the end of a path that the provider adds itself, such as ``/completions``.
    :raises ConfigurationError: it can't work; the message names the argument.
    """
    if not isinstance(base_url, str):
        raise ConfigurationError(f"{_FORM}, not {base_url!r}")
    address, _, query = base_url.partition("?")
    if "@" in address:
        raise ConfigurationError(f"{_FORM}, without a user and password: use api_key or headers")
    if not _is_usable(base_url):
        raise ConfigurationError(f"{_FORM}, not {address!r}")
    address = address.rstrip("/")
    if address.endswith(own_path):
        raise ConfigurationError(f"{_FORM}: leave the endpoint's own path off {address!r}")
    return Endpoint(address, _with_params(query, params) if params else query)


def _is_usable(url: str) -> bool:
    try:
        parts = urlsplit(url)
        Request("POST", url).prepare()
        usable = parts.scheme in ("http", "https") and parts.port != 0
    except (ValueError, RequestException):
        return False
    return usable and "#" not in url and re.search(r"\s", url) is None


def _with_params(query: str, params: Mapping[str, Any]) -> str:
    for name, value in params.items():
        if not isinstance(name, str) or not isinstance(value, (str, int, float)):
            raise ConfigurationError(f"params: {name!r} has to be a text or a number")
    in_url: List[Tuple[str, str]] = parse_qsl(query, keep_blank_values=True)
    kept = [(name, value) for name, value in in_url if name not in params]
    return urlencode([*kept, *params.items()])

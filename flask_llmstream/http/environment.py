"""Environment variables for a call to a URL: its proxies, and the CAs that are trusted."""

# mypy: disable-error-code=import-untyped

from __future__ import annotations

import os
from ipaddress import ip_address
from typing import Dict
from urllib.parse import urlsplit

from requests.utils import DEFAULT_CA_BUNDLE_PATH, get_environ_proxies


def proxies_for(url: str) -> Dict[str, str]:
    """The proxy for each scheme, in the form that requests takes; none for a loopback address."""
    return {} if _is_loopback(url) else get_environ_proxies(url)


def trusted_authorities() -> str:
    """The file or folder of certificate authorities that ``REQUESTS_CA_BUNDLE`` or
    ``CURL_CA_BUNDLE`` names, else certifi's file."""
    variables = (os.environ.get(name) for name in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"))
    return next(filter(None, variables), DEFAULT_CA_BUNDLE_PATH)


def _is_loopback(url: str) -> bool:
    host = urlsplit(url).hostname or ""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")

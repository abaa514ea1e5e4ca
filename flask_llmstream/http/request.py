"""``HTTPRequest``: a request's bytes, in the form of RFC 9112.

No I/O.
"""

# mypy: disable-error-code=import-untyped

from __future__ import annotations

import re
from typing import Mapping, Optional

import urllib3

from .address import Address
from .route import Proxy

_TOKEN = re.compile(r"[\w!#$%&'*+.^`|~-]+", re.ASCII)
_VALUE = re.compile(r"[^\0\r\n]*")
_USER_AGENT = "python-urllib3/" + getattr(urllib3, "__version__")  # mypy does not see it


class HTTPRequest:
    """One request, its parts checked.

    :param headers: ``Host``, ``Content-Length``, ``User-Agent`` and ``Accept-Encoding: identity``
        are added where they are missing.
    :raises ValueError: the method or a header can't be sent.
    """

    def __init__(
        self, method: str, address: Address, headers: Mapping[str, str], body: Optional[bytes]
    ) -> None:
        self.method = method
        self._address = address
        self._body = body or b""
        names = {name.lower() for name in headers}
        fields = {
            "Host": address.authority,
            "User-Agent": _USER_AGENT,
            "Accept-Encoding": "identity",
            **address.headers,
        }
        if body is not None or method not in ("GET", "HEAD"):
            fields["Content-Length"] = str(len(self._body))
        own = ((name, value) for name, value in fields.items() if name.lower() not in names)
        self._lines = [_line(name, value) for name, value in (*own, *headers.items())]
        _checked(_TOKEN, method)

    def bytes_for(self, proxy: Optional[Proxy]) -> bytes:
        """All that is sent.

        :param proxy: the proxy that forwards the request; it needs the whole URL.
        """
        target = self._address.target if proxy is None else self._address.url
        more = () if proxy is None else proxy.headers.items()
        lines = [f"{self.method} {target} HTTP/1.1\r\n", *self._lines]
        lines += [_line(name, value) for name, value in more]
        return "".join([*lines, "\r\n"]).encode("latin-1") + self._body


def _line(name: str, value: str) -> str:
    line = f"{_checked(_TOKEN, name)}: {_checked(_VALUE, value)}\r\n"
    line.encode("latin-1")  # UnicodeEncodeError is a ValueError
    return line


def _checked(form: "re.Pattern[str]", text: str) -> str:
    if not isinstance(text, str) or form.fullmatch(text) is None:
        raise ValueError("the method or a header can't be sent")  # it may be a secret
    return text

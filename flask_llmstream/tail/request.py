"""What is sent: headers and a body as they are given to curl."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from typing import Dict, Iterable, Iterator, NamedTuple, Optional, Sequence
from urllib.parse import urlsplit

from ..exceptions.printable import printable
from ..http.header_line import header_of

_JSON = "application/json"
_FORM = "application/x-www-form-urlencoded"


class BadArgument(ValueError):
    """An argument that can't be sent. The message says why.

    :ivar option: the option that gave it.
    """

    def __init__(self, option: str, message: str) -> None:
        super().__init__(message)
        self.option = option


class Body(NamedTuple):
    """The body of a request."""

    data: bytes
    content_type: str


def body_of(data: Sequence[str], json_text: Optional[str], prompt: Optional[str]) -> Optional[Body]:
    """The body that the options ask for; ``None`` where they ask for none.

    :param data: ``--data``, joined by ``&``. ``@FILE`` without its line breaks, as curl has it.
    :param json_text: ``--json``, sent as it is.
    :param prompt: ``--prompt``, in the JSON that a chat endpoint takes.
    :raises BadArgument: there are two kinds, or a file can't be read.
    """
    if bool(data) + (json_text is not None) + (prompt is not None) > 1:
        raise BadArgument("--data", "give one of --data, --json and --prompt")
    if data:
        return Body(b"&".join(_form_part(part) for part in data), _FORM)
    if json_text is not None:
        return Body(_content("--json", json_text), _JSON)
    if prompt is not None:
        return Body(json.dumps({"prompt": prompt}).encode("ascii"), _JSON)
    return None


def _form_part(text: str) -> bytes:
    content = _content("--data", text)
    return content.translate(None, b"\r\n\0") if text.startswith("@") else content


def _content(option: str, text: str) -> bytes:
    """The text itself, or with ``@`` before it the content of that file, ``@-`` of stdin."""
    if not text.startswith("@"):
        return text.encode("utf-8", "surrogateescape")
    try:
        return _stdin() if text == "@-" else Path(text[1:]).read_bytes()
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise BadArgument(option, f"{printable(text[1:])!r} can't be read: {reason}") from None


def _stdin() -> bytes:
    if sys.stdin is None:
        raise ValueError("stdin is closed")
    return sys.stdin.buffer.read()


def headers_of(lines: Iterable[str], body: Optional[Body]) -> Dict[str, str]:
    """The headers that the options ask for, and the type of the body unless one of them has it.

    :param lines: ``Name: value``, or ``@FILE`` with such a line in each line.
    :raises BadArgument: a line is no header, or a header is given twice.
    """
    headers: Dict[str, str] = {}
    names = set()
    for line in _header_lines(lines):
        try:
            name, value = header_of(line)
        except ValueError as error:
            raise BadArgument("--header", str(error)) from None
        if name.lower() in names:
            raise BadArgument("--header", f"{name} is given twice")
        names.add(name.lower())
        headers[name] = value
    if body is not None and "content-type" not in names:
        headers["Content-Type"] = body.content_type
    return headers


def _header_lines(lines: Iterable[str]) -> Iterator[str]:
    for line in lines:
        if line.startswith("@"):
            content = _content("--header", line).decode("utf-8", "surrogateescape")
            yield from filter(str.strip, content.splitlines())
        else:
            yield line


def checked_url(url: str) -> str:
    """The URL.

    :raises BadArgument: it has no scheme or no host that could be asked.
    """
    try:
        parts = urlsplit(url)
        parts.port, (parts.hostname or "").encode("idna")
    except ValueError as error:  # that of the codec is one
        raise BadArgument("URL", f"{printable(without_login(url))}: {error}") from None
    if parts.scheme not in ("http", "https") or not parts.hostname:
        shown = printable(without_login(url))
        raise BadArgument("URL", f"{shown!r} does not begin with https:// or http:// and a host")
    return url


def without_login(url: str) -> str:
    """The URL without a user's name and password: what is printed may be kept in a log."""
    return re.sub(r"\A([^/?#]*//)[^/?#]*@", r"\1", url)

"""``Site``: a public address, and requests to it. The time of each piece of an answer is taken.

The requests use ``http.client`` alone. The doctor must work in a process that was patched too
late, where HTTPS over urllib3 ends in a RecursionError.
"""

from __future__ import annotations

import http.client
import json
import ssl
import zlib
from contextlib import closing, contextmanager
from time import monotonic
from typing import Any, Callable, Dict, Iterator, Mapping, NamedTuple, Optional, Tuple
from urllib.parse import quote, urlsplit

from ...errors import EventTooLarge
from ...sse.decoder import EventStreamDecoder, MessageEvent
from ..routes import TOKEN_HEADER

_CHAT = "/chat/completions"
_AT_ONCE = 65536
_ANSWERED_WITHIN = 30
_LONGEST_OBJECT = 1_048_576
_HEADERS = {"Accept-Encoding": "gzip", "User-Agent": "flask-llmstream-doctor"}


def is_end(event: MessageEvent) -> bool:
    """Is this the last event of an answer?"""
    try:
        said = json.loads(event.data)
    except ValueError:
        return False
    return isinstance(said, dict) and said.get("ended") is True


class BadAddress(ValueError):
    """The URL can't be used; the message says why."""


class Site(NamedTuple):
    """The public address of one deployment.

    :ivar mount: the path under which the chat endpoints are.
    :ivar headers: the headers of each request.
    """

    scheme: str
    host: str
    port: Optional[int]
    mount: str
    headers: Mapping[str, str]

    @property
    def origin(self) -> str:
        """Scheme, host and port."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{self.scheme}://{host}" + (f":{self.port}" if self.port else "")

    @property
    def chat(self) -> str:
        """The path of the chat endpoint. It counts to ten for an empty request."""
        return self.mount + _CHAT

    @property
    def doctor(self) -> str:
        """The path of the doctor's own routes, which exist where there is a token."""
        return self.mount + "/doctor"

    @property
    def has_token(self) -> bool:
        """Whether requests carry the token for these routes."""
        return TOKEN_HEADER in self.headers

    @contextmanager
    def request(
        self, method: str, path: str, patience: float, body: Optional[bytes] = None
    ) -> "Iterator[Answer]":
        """Send one request on a connection of its own. The end of the block closes it.

        :param patience: seconds to wait for the connection, and for each piece of the answer.
        :raises OSError: no connection, no TLS, or no answer in time.
        :raises http.client.HTTPException: the answer is no HTTP.
        """
        headers = {**_HEADERS, **self.headers}
        if body is not None:
            headers["Content-Type"] = "application/json"
        with closing(self._connection(patience)) as connection:
            connection.connect()
            asked_at = monotonic()
            connection.request(method, path, body, headers)
            with closing(connection.getresponse()) as response:
                yield Answer(response, asked_at)

    def _connection(self, patience: float) -> http.client.HTTPConnection:
        if self.scheme == "http":
            return http.client.HTTPConnection(self.host, self.port, timeout=patience)
        context = ssl.create_default_context()
        return http.client.HTTPSConnection(self.host, self.port, timeout=patience, context=context)


class Answer:
    """The answer to a request, while it arrives."""

    def __init__(self, response: http.client.HTTPResponse, asked_at: float) -> None:
        self._response = response
        self._asked_at = asked_at
        self.status = response.status
        self.headers = response.headers
        self.is_http_1_0 = response.version == 10

    def blocks(self, until: float) -> Iterator[Tuple[float, bytes]]:
        """The pieces of the body as they arrive, each with its seconds since the request.

        :param until: seconds since the request. The piece that arrives later is the last.
        :raises OSError: the connection broke, or brought nothing for too long.
        :raises http.client.HTTPException: the answer was cut off, or contradicts its headers.
        """
        decode = self._decoder()
        while True:
            block = self._response.read1(_AT_ONCE)
            seconds = self.elapsed()
            if not block:
                return
            yield seconds, decode(block)
            if seconds > until:
                return

    def events(self, until: float) -> Iterator[Tuple[float, MessageEvent]]:
        """The events in these pieces, each with its seconds. Left out are events without data and
        the event ``opened``, which is sent before there is a token. Raises as :meth:`blocks`."""
        decoder = EventStreamDecoder()
        try:
            for seconds, block in self.blocks(until):
                for event in decoder.feed(block):
                    if event.event != "opened":
                        yield seconds, event
        except EventTooLarge as error:
            raise http.client.HTTPException(str(error)) from error

    def elapsed(self) -> float:
        """Seconds since the request."""
        return monotonic() - self._asked_at

    def text(self) -> str:
        """The first piece of the body."""
        return str(next(self.blocks(0), (0, b""))[1], "utf-8", "replace")

    def json(self) -> Dict[str, Any]:
        """The JSON object in the body; ``{}`` where it is none, or longer than a MiB."""
        body = bytearray()
        try:
            for _, block in self.blocks(_ANSWERED_WITHIN):
                body += block
                if len(body) > _LONGEST_OBJECT:
                    return {}
            said = json.loads(body)
        except (ValueError, RecursionError, http.client.HTTPException):
            return {}
        return said if isinstance(said, dict) else {}

    def header(self, name: str) -> str:
        """The value of one header in small letters; ``""`` where it is missing."""
        return (self.headers.get(name) or "").strip().lower()

    def _decoder(self) -> Callable[[bytes], bytes]:
        if self.header("Content-Encoding") != "gzip":
            return bytes
        gzip = zlib.decompressobj(zlib.MAX_WBITS | 16)

        def decode(block: bytes) -> bytes:
            try:
                return gzip.decompress(block)
            except zlib.error as error:
                raise http.client.HTTPException(f"it says gzip, and is none: {error}") from error

        return decode


def site_at(url: str, prefix: Optional[str], headers: Mapping[str, str]) -> Site:
    """The deployment at a URL.

    :param url: the address of the application, or of the chat endpoint.
    :param prefix: the application's ``LLMSTREAM_URL_PREFIX``. Where it is ``None`` or has
        variables, the URL must be the address of the chat endpoints.
    :raises BadAddress: the URL is no address of a site.
    """
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise BadAddress(f"{url!r}: {error}") from None
    if parts.scheme not in ("http", "https") or not _is_host(parts.hostname):
        raise BadAddress(f"{url!r} does not begin with https:// or http:// and a host")
    if parts.username is not None:
        raise BadAddress(f"{parts.hostname} needs --header 'Authorization: …' for who you are")
    mount = _mount(quote(parts.path, safe="/%:@!$&'()*+,;=~").rstrip("/"), prefix)
    return Site(parts.scheme, str(parts.hostname), port, mount, headers)


def _is_host(name: Optional[str]) -> bool:
    try:
        return bool((name or "").encode("idna"))
    except UnicodeError:  # an empty part between two dots, or one that is too long
        return False


def _mount(path: str, prefix: Optional[str]) -> str:
    if path.endswith(_CHAT):
        return path[: -len(_CHAT)]
    if prefix is None or "<" in prefix or path.endswith(prefix.rstrip("/")):
        return path
    return path + prefix.rstrip("/")

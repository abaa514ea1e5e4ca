"""``Requesting``: what a reader asks for: at first, and when it comes back."""

# mypy: disable-error-code=import-untyped

from __future__ import annotations

import json as standard_json
import re
from typing import Any, Dict, Mapping, Optional, Tuple
from urllib.parse import SplitResult, urljoin, urlsplit

from requests import Response
from requests.sessions import SessionRedirectMixin
from requests.structures import CaseInsensitiveDict

from .checks import checked_headers, checked_streams
from .connection import Request

_STREAM_ID = re.compile(r"[\w-]{32}", re.ASCII)
_OF_BODY = ("Content-Type", "Content-Length", "Content-Encoding", "Idempotency-Key")
_DEFAULTS = {
    "Accept": "text/event-stream",
    "Accept-Encoding": "identity",  # a server that compresses may hold events back
    "Cache-Control": "no-store",
}


class Requesting:
    """The requests of one reader.

    :param streams: where the server keeps its answers, relative to the answer's URL; ``None``:
        where the response says, or beside that URL.
    :ivar stream_id: the ID of the answer at its server; ``None`` where it is not kept.
    :ivar stream_url: where it is kept.
    :raises ValueError: ``json`` can't be JSON; the message names it.
    """

    def __init__(
        self,
        method: Optional[str],
        url: str,
        json: Any,
        data: Any,
        params: Any,
        headers: Optional[Mapping[str, str]],
        streams: Optional[str],
        repeat_post: bool,
    ) -> None:
        if not isinstance(url, str) or not url.strip():
            raise ValueError(f"url has to be a text, not {url!r}")
        if json is not None and data is not None:
            raise ValueError("json and data: only one of them can be sent")
        if repeat_post and hasattr(data, "__next__"):
            raise ValueError("repeat_post: data can be read only once; give bytes")
        has_body = json is not None or data is not None
        self._headers = CaseInsensitiveDict({**_DEFAULTS, **checked_headers(headers)})
        arguments: Dict[str, Any] = {"params": params, "data": data}
        if self._headers.get("Authorization") is not None:
            arguments["auth"] = _nothing  # else requests replaces it by what .netrc has
        if json is not None:
            arguments["data"] = _json_bytes(json)
            self._headers.setdefault("Content-Type", "application/json")
        self._first = Request((method or ("GET", "POST")[has_body]).upper(), url, {}, arguments)
        self._streams = checked_streams(streams)
        self._repeat_post = repeat_post
        self._access: Mapping[str, Any] = {}
        self.stream_id: Optional[str] = None
        self.stream_url: Optional[str] = None

    @property
    def is_get(self) -> bool:
        """Whether the first request is a GET."""
        return self._first.method == "GET"

    @property
    def may_repeat(self) -> bool:
        """Whether the first request may be sent again."""
        return self.is_get or self._repeat_post

    @property
    def repeats_at_once(self) -> bool:
        """Whether the first request is repeated, too, where it brought no stream."""
        return self._repeat_post and not self.is_get

    def first(self, last_event_id: str) -> Request:
        """The first request."""
        return self._with_id(self._first, self._headers, last_event_id)

    def next(self, last_event_id: str, would_run_again: bool) -> Optional[Request]:
        """The request that brings what follows an event; ``None`` where there is none.

        :param would_run_again: whether a request without an ID would begin an answer anew, of which
            a part was read.
        """
        if self.stream_url is not None and not (self.is_get and last_event_id):
            kept = Request("GET", self.stream_url, {}, self._access)
            return self._with_id(kept, self._kept_headers(), last_event_id)
        if self.may_repeat and (last_event_id or not would_run_again):
            return self.first(last_event_id)
        return None

    def _kept_headers(self) -> Mapping[str, Any]:
        headers: Any = self._headers.copy()
        for name in _OF_BODY:
            headers.pop(name, None)
        if self._access:
            headers["Authorization"] = None  # also not that of the session
        return headers  # type: ignore[no-any-return]

    def learn(self, response: Response) -> None:
        """Take the answer's ID from a response. The first one counts.

        If a redirect led to another site, that gets no credentials, as with requests.
        """
        stream_id = response.headers.get("X-Stream-ID", "")
        if self.stream_id is None and _STREAM_ID.fullmatch(stream_id):
            self.stream_id = stream_id
            asked = [*response.history, response][0].url
            redirects: Any = SessionRedirectMixin()
            if redirects.should_strip_auth(asked, response.url):
                self._access = {"auth": _nothing}
            self.stream_url = self._place_of(stream_id, response)

    def _place_of(self, stream_id: str, response: Response) -> str:
        told = None if self._streams else told_location(response)
        here = urlsplit(response.url)._replace(query="", fragment="").geturl()
        if told is None and here.endswith(f"/{stream_id}"):
            return here
        return told or urljoin(here, self._streams or "streams/") + stream_id

    @staticmethod
    def _with_id(request: Request, headers: Mapping[str, Any], last_event_id: str) -> Request:
        sent: Dict[str, Any] = dict(headers)
        last = last_event_id.encode().strip()  # UTF-8, by the standard; the blanks of HTTP alone
        if last:
            sent["Last-Event-ID"] = last
        return request._replace(headers=sent)


def told_location(response: Response) -> Optional[str]:
    """Where a response says that its stream is, by ``Content-Location``. ``None`` where it does not
    say so, and for another origin: the request's credentials go there."""
    told = response.headers.get("Content-Location", "")
    try:
        here, there = urlsplit(response.url), urlsplit(urljoin(response.url, told))
        is_same = _origin(here) == _origin(there)
    except ValueError:  # it is no address
        return None
    # The login in the address is that of the request.
    return there._replace(netloc=here.netloc, fragment="").geturl() if told and is_same else None


def _origin(url: SplitResult) -> Tuple[str, Optional[str], Optional[int]]:
    return url.scheme, url.hostname, url.port or {"http": 80, "https": 443}.get(url.scheme)


def _nothing(request: Any) -> Any:
    """An auth that adds nothing, in place of the session's."""
    return request


def _json_bytes(value: Any) -> bytes:
    try:
        return standard_json.dumps(value, allow_nan=False).encode()
    except (TypeError, ValueError, RecursionError) as error:
        raise ValueError(f"json: {error}") from error

"""A reader who comes back: the last event that it has, and an answer that does not lose it.

A browser's ``EventSource`` that gets any other status than 200 never comes back (WHATWG HTML,
section 9.2.3). So one who returns to a stream is not refused for a moment, but sent off.
"""

from __future__ import annotations

import random
from typing import Any, Optional

from werkzeug.wrappers import Request, Response

from ..http.retry_after import seconds_of
from ..log import log
from ..sse.event import ServerSentEvent
from ..stream.endable import RECONNECTION_MS
from .environ import request_line
from .headers import HEADERS, inherited_headers
from .types import Environ

_EVENT_STREAM = "text/event-stream"
_PASSING = (429, 503)
"""The statuses of a refusal that holds for the moment, if it has a ``Retry-After``."""


def last_event_id(request: Request) -> str:
    """The ID of the last event that a returning reader has received; ``""`` for a new reader.

    ``EventSource`` sends it in a header. Polyfills may not send a header to another site, and send
    it in the query.
    """
    last: str = request.environ.get("HTTP_LAST_EVENT_ID", "")
    if not last and "lastEventId" in request.environ.get("QUERY_STRING", ""):
        last = request.args.get("lastEventId", "")
    return last


def or_send_off(response: Any, environ: Environ) -> Any:
    """Return the response to a request that can't be served, or send the request's reader off.

    A reader who comes back by ``GET`` to an event stream gets 200 in place of a 429 or 503 that has
    a ``Retry-After``, with a reconnection time and nothing else: no event, no ID, no end. The time
    is that of the ``Retry-After``, and up to 4 s more at random, so that not all readers come back
    at once. ``Retry-After`` is sent as well, and the headers that belong to the request.
    """
    seconds = _time_of(response)
    if seconds is None or not _comes_back(environ):
        return response
    least, most = RECONNECTION_MS
    retry = 1000 * seconds + random.randint(0, most - least)
    line = "%s: its reader is sent off for %d ms in place of a %d"
    log.info(line, request_line(environ), retry, response.status_code)
    return _notice(retry, seconds, response)


def _time_of(response: Any) -> Optional[int]:
    """The seconds after which a refusal may have passed; ``None`` for any other response."""
    if response.status_code not in _PASSING:
        return None
    return seconds_of(response.headers.get("Retry-After"))


def _comes_back(environ: Environ) -> bool:
    """Whether a request is that of a reader who comes back to an event stream."""
    asks = _EVENT_STREAM in environ.get("HTTP_ACCEPT", "").lower()
    if not asks or environ["REQUEST_METHOD"] != "GET":
        return False
    return last_event_id(Request(environ, populate_request=False)) != ""


def _notice(retry: int, seconds: int, refusal: Any) -> Response:
    headers = {**HEADERS, "Retry-After": str(seconds)}
    content_type = f"{_EVENT_STREAM}; charset=utf-8"
    notice = Response(
        ServerSentEvent(retry=retry).encode(), headers=headers, content_type=content_type
    )
    known = notice.headers.to_wsgi_list()
    notice.headers.extend(inherited_headers(refusal.headers.to_wsgi_list(), known))
    notice.call_on_close(refusal.close)
    return notice

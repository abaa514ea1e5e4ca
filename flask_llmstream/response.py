"""The response of a stream: the app's own response class, with a body that starts late.

Floor 3: Werkzeug.
"""

from __future__ import annotations

from functools import lru_cache
from http import HTTPStatus
from typing import Any, Callable, Dict, Optional, Type

from .body import Given, StreamBody
from .failure import Failure
from .headers import Headers


class StreamResponse:
    """Mixed into an app's own response class: a response whose body is a :class:`StreamBody`."""

    def __call__(self: Any, environ: Dict[str, Any], start_response: Any) -> Any:
        body = self.response
        ordinary = super().__call__  # type: ignore[misc]
        if not isinstance(body, StreamBody):  # somebody replaced it
            return ordinary(environ, start_response)
        if environ["REQUEST_METHOD"] == "HEAD" or self.status_code in (204, 304):
            body.close()
            return ordinary(environ, start_response)
        settle_expectation(environ)
        headers = self.get_wsgi_headers(environ).to_wsgi_list()
        # The body itself tells the response that it was closed: Werkzeug's ClosingIterator would
        # do it too, at the price of one more call for each block.
        body.bind(environ, responder(start_response, self.status, headers), self.close)
        self.response = Given()  # or the two would hold each other, and only gc could free them
        return body


def settle_expectation(environ: Dict[str, Any]) -> None:
    """Have "100 Continue" said before the answer begins, where somebody waits for it.

    gevent.pywsgi says it when the request's body is first read. A generator that reads it would
    have that said in the middle of our answer. uWSGI says none, and takes ``read(0)`` for all
    there is.
    """
    if "HTTP_EXPECT" in environ and "uwsgi.version" not in environ:
        environ["wsgi.input"].read(0)


def responder(
    start_response: Any, status: str, headers: Headers
) -> Callable[[Optional[Failure]], None]:
    """What sends either the stream's headers or those of a failure."""

    def respond(failure: Optional[Failure]) -> None:
        if failure is None:
            start_response(status, headers)
        else:
            start_response(status_line(failure.status), _failure_headers(headers, failure))

    return respond


def _failure_headers(headers: Headers, failure: Failure) -> Headers:
    replaced = {"content-type", "content-length", "content-encoding", "cache-control"}
    kept = [(name, value) for name, value in headers if name.lower() not in replaced]
    kept += [("Content-Type", "application/json"), ("Cache-Control", "no-store")]
    if failure.retry_after is not None:
        kept.append(("Retry-After", str(failure.retry_after)))
    return kept


def status_line(status: int) -> str:
    """``503 Service Unavailable`` for 503."""
    try:
        return f"{status} {HTTPStatus(status).phrase}"
    except ValueError:
        return f"{status} Unknown"


@lru_cache(maxsize=None)
def stream_response_class(response_class: Type[Any]) -> Type[Any]:
    """The app's own response class, streaming. Flask would turn any other into the app's own,
    and lose how it streams."""
    return type(f"Stream{response_class.__name__}", (StreamResponse, response_class), {})

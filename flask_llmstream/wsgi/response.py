"""The response of a stream: the app's own response class, with a body that starts late."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Any, Callable, List, Type

from werkzeug.datastructures import Headers
from werkzeug.wrappers import Response

from .body import StreamBody
from .early_start import begin_early
from .headers import HEADERS
from .read_once import TakenBody, refuse_pickling
from .response_start import ResponseStart, send_continue
from .types import Environ
from .types import Headers as WSGIHeaders
from .types import StartResponse

_HAS_NO_BODY_YET = (
    "this response streams, and has no body yet that could be read, tagged or frozen; an "
    "after_request function returns it as it is where response.direct_passthrough is true, and a "
    "test reads it through app.test_client()"
)


class StreamResponse:
    """A mixin for an app's own response class: its body is a :class:`StreamBody`."""

    def __call__(self: Any, environ: Environ, start_response: StartResponse) -> Any:
        body = self.response
        if not isinstance(body, StreamBody):  # the app replaced the body
            return super().__call__(environ, start_response)  # type: ignore[misc]
        if environ["REQUEST_METHOD"] == "HEAD" or self.status_code in (204, 304):
            body.close()
            return super().__call__(environ, start_response)  # type: ignore[misc]
        send_continue(environ)
        headers = _wsgi_headers(self, environ)
        # The body closes the response itself. Werkzeug's ClosingIterator would do that too, but
        # costs one more call for each block.
        start = ResponseStart(environ, start_response, self.status, headers)
        body.bind(environ, start, _closing_of(self))
        begin_early(environ, body)
        self.response = TakenBody()  # breaks a cycle that only the garbage collector could free
        return body

    # An app that switches ``direct_passthrough`` off asks for the whole body. It is collected then.

    def _ensure_sequence(self: Any, mutable: bool = False) -> None:
        self._refuse_to_collect()
        super()._ensure_sequence(mutable)  # type: ignore[misc]

    def make_sequence(self: Any) -> None:
        """As Werkzeug's.

        :raises RuntimeError: the response streams.
        """
        self._refuse_to_collect()
        super().make_sequence()  # type: ignore[misc]

    def freeze(self: Any, *arguments: Any, **keywords: Any) -> None:
        """As Werkzeug's.

        :raises RuntimeError: the response streams.
        """
        self._refuse_to_collect()
        super().freeze(*arguments, **keywords)  # type: ignore[misc]

    def __copy__(self: Any) -> Any:
        """A copy with the same body. Only one of the two responses can be sent."""
        copied: Any = object.__new__(type(self))
        vars(copied).update(vars(self))
        return copied

    def __reduce_ex__(self: Any, protocol: Any) -> Any:
        if isinstance(self.response, (StreamBody, TakenBody)):
            refuse_pickling()
        return super().__reduce_ex__(protocol)

    def _refuse_to_collect(self: Any) -> None:
        if isinstance(self.response, StreamBody) and self.direct_passthrough:
            raise RuntimeError(_HAS_NO_BODY_YET)


def _closing_of(response: Any) -> List[Callable[[], Any]]:
    """What the server's ``close()`` has to call for a response. Where that is Werkzeug's own, its
    functions are all that it needs: a stream may last for hours, and keeps no headers meanwhile."""
    if not _is_werkzeugs_own(response, "close"):
        return [response.close]
    return response._on_close  # type: ignore[no-any-return]


_REPLACEABLE = ("__init__", "close", "get_wsgi_headers")
_WERKZEUGS_OWN = {name: getattr(Response, name) for name in _REPLACEABLE}


def _is_werkzeugs_own(response: Any, name: str) -> bool:
    """Whether neither the response nor its class, nor an agent, has replaced this method."""
    is_of_the_class = name not in vars(response)
    return is_of_the_class and getattr(type(response), name) is _WERKZEUGS_OWN[name]


def new_response(
    response_class: Any, body: StreamBody, content_type: str, depends_on_accept: bool
) -> Any:
    """The response that streams a body.

    :param response_class: the app's own.
    :param depends_on_accept: whether the request's ``Accept`` could have chosen another type.
    """
    if response_class.__init__ is not _WERKZEUGS_OWN["__init__"]:
        return _made(response_class, body, content_type, depends_on_accept)
    # All are equal, and the application may change each: a copy costs a third of a new one.
    first = _first(response_class, content_type, depends_on_accept)
    response = object.__new__(type(first))
    vars(response).update(
        vars(first), headers=_copy_of(first.headers), response=body, _on_close=[]
    )
    return response


@lru_cache(maxsize=64)
def _first(response_class: Type[Any], content_type: str, depends_on_accept: bool) -> Any:
    return _made(response_class, (), content_type, depends_on_accept)


def _made(
    response_class: Any, body: Any, content_type: str, depends_on_accept: bool
) -> Any:
    return _stream_response_class(response_class)(
        body,
        content_type=content_type,
        headers=Headers([*HEADERS.items(), *([("Vary", "Accept")] if depends_on_accept else [])]),
        direct_passthrough=True,
    )


def _copy_of(headers: Headers) -> Headers:
    """A copy of headers. Werkzeug's would check each of them anew."""
    copied = object.__new__(type(headers))
    vars(copied).update({name: [*value] for name, value in vars(headers).items()})
    return copied


@lru_cache(maxsize=None)
def _stream_response_class(response_class: Type[Any]) -> Type[Any]:
    """The app's own response class, made to stream. A response of any other class would be
    converted by Flask to the app's own, and would not stream then."""
    return type(f"Stream{response_class.__name__}", (StreamResponse, response_class), {})


_OWN_NAMES = frozenset({*HEADERS, "Vary", "Content-Type"})
_MADE_COMPLETE = frozenset({"location", "content-location"})
"""The headers that Werkzeug completes for the request. Of several it takes the last."""
_COMPLETE = re.compile(r"[\w./%-]*", re.ASCII)
"""A ``Content-Location`` that Werkzeug would leave as it is."""


def _wsgi_headers(response: Any, environ: Environ) -> WSGIHeaders:
    """The headers to send. Werkzeug makes them of a checked copy, which costs 15 µs. It would be
    equal where the application has no way of its own, and none of the headers is to be completed:
    a stream has no length that is to be found, nor a status without a body."""
    if _is_werkzeugs_own(response, "get_wsgi_headers") and isinstance(response.headers, Headers):
        headers: WSGIHeaders = response.headers.to_wsgi_list()
        others = [each for each in headers if each[0] not in _OWN_NAMES]
        if not others or _are_complete(others):
            return headers
    completed: WSGIHeaders = response.get_wsgi_headers(environ).to_wsgi_list()
    return completed


def _are_complete(headers: WSGIHeaders) -> bool:
    named = [each for each in headers if each[0].lower() in _MADE_COMPLETE]
    if len(named) > 1 or named and named[0][0].lower() == "location":
        return False
    return not named or _COMPLETE.fullmatch(named[0][1]) is not None

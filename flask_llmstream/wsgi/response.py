"""The response of a stream: the app's own response class, with a body that starts late.

Floor 3: Werkzeug.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any, Iterable, Type

from ..connection.sock_diag import keep_scope
from .body import StreamBody
from .early_start import begin_at_call
from .headers import taken_over
from .read_once import Given, refuse_to_be_kept
from .types import Environ, Headers, StartResponse

_HAS_NO_BODY_YET = (
    "this response streams, and has no body yet that could be read, tagged or frozen; an "
    "after_request function returns it as it is where response.direct_passthrough is true, and a "
    "test reads it through app.test_client()"
)


class StreamResponse:
    """Mixed into an app's own response class: a response whose body is a :class:`StreamBody`."""

    def __call__(self: Any, environ: Environ, start_response: StartResponse) -> Any:
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
        body.bind(environ, Start(environ, start_response, self.status, headers), self.close)
        begin_at_call(environ, body)
        self.response = Given()  # or the two would hold each other, and only gc could free them
        return body

    # Whoever takes it out of ``direct_passthrough`` wants the body, whatever that costs.

    def _ensure_sequence(self: Any, mutable: bool = False) -> None:
        self._refuse_to_collect()
        super()._ensure_sequence(mutable)  # type: ignore[misc]

    def make_sequence(self: Any) -> None:
        """As Werkzeug's, of what streams no more.

        :raises RuntimeError: it streams.
        """
        self._refuse_to_collect()
        super().make_sequence()  # type: ignore[misc]

    def freeze(self: Any, *arguments: Any, **keywords: Any) -> None:
        """As Werkzeug's, of what streams no more.

        :raises RuntimeError: it streams.
        """
        self._refuse_to_collect()
        super().freeze(*arguments, **keywords)  # type: ignore[misc]

    def __copy__(self: Any) -> Any:
        """Another response of the same body, which one of them may be read of."""
        copied: Any = object.__new__(type(self))
        vars(copied).update(vars(self))
        return copied

    def __reduce_ex__(self: Any, protocol: Any) -> Any:
        if isinstance(self.response, (StreamBody, Given)):
            refuse_to_be_kept()
        return super().__reduce_ex__(protocol)

    def _refuse_to_collect(self: Any) -> None:
        if isinstance(self.response, StreamBody) and self.direct_passthrough:
            raise RuntimeError(_HAS_NO_BODY_YET)


def settle_expectation(environ: Environ) -> None:
    """Have "100 Continue" said before the answer begins, where somebody waits for it.

    gevent.pywsgi says it when the request's body is first read. A generator that reads it would
    have that said in the middle of our answer. uWSGI says none, and takes ``read(0)`` for all
    there is.
    """
    if "HTTP_EXPECT" in environ and "uwsgi.version" not in environ:
        environ["wsgi.input"].read(0)


class Start:
    """How an answer starts, which is told to the server once: as a stream, or as what is answered
    in its place.

    :param status: the stream's, with its headers.
    """

    __slots__ = ("_environ", "_start_response", "_status", "_headers")

    def __init__(
        self, environ: Environ, start_response: StartResponse, status: str, headers: Headers
    ) -> None:
        keep_scope(environ, start_response)
        self._environ = environ
        self._start_response = start_response
        self._status = status
        self._headers = headers

    def stream(self) -> None:
        """Send the stream's own status and headers."""
        self._start_response(self._status, self._headers)

    def instead(self, response: Any) -> Iterable[bytes]:
        """Send another response; its body."""
        for name, value in taken_over(self._headers, response.headers.to_wsgi_list()):
            response.headers.add(name, value)
        if response.status_code == 204:  # which has nothing that could be of a type
            response.headers.pop("Content-Type", None)
        body: Iterable[bytes] = response(self._environ, self._start_response)
        return body


@lru_cache(maxsize=None)
def stream_response_class(response_class: Type[Any]) -> Type[Any]:
    """The app's own response class, streaming. Flask would turn any other into the app's own,
    and lose how it streams."""
    return type(f"Stream{response_class.__name__}", (StreamResponse, response_class), {})

"""``ResponseStart``: sends a response's status and headers, once and late."""

from __future__ import annotations

from typing import Any, Iterable

from ..connection.sock_diag import keep_scope
from .headers import inherited_headers
from .types import Environ, Headers, StartResponse


class ResponseStart:
    """Calls the server's ``start_response`` once: for the stream, or for the response to an error
    in its place.

    :param status: the stream's status.
    :param headers: the stream's headers.
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

    def as_stream(self) -> None:
        """Send the stream's own status and headers."""
        self._start_response(self._status, self._headers)

    def as_response(self, response: Any, of_format: Iterable[str] = ()) -> Iterable[bytes]:
        """Send another response in place of the stream.

        :param of_format: the names of the headers that the stream's format has added. They are of
            the body that is not sent.
        :returns: the body of that response.
        """
        own = response.headers.to_wsgi_list()
        for name, value in inherited_headers(self._headers, own, of_format):
            response.headers.add(name, value)
        if response.status_code == 204:  # it has no body, so no type either
            response.headers.pop("Content-Type", None)
        body: Iterable[bytes] = response(self._environ, self._start_response)
        return body


def send_continue(environ: Environ) -> None:
    """Send "100 Continue" before the response begins, where a client waits for it.

    gevent.pywsgi sends it when the request's body is first read. If a generator did that first
    read, "100 Continue" would come in the middle of our response. uWSGI sends none, and takes
    ``read(0)`` as a request to read the whole body.
    """
    if "HTTP_EXPECT" in environ and "uwsgi.version" not in environ:
        environ["wsgi.input"].read(0)

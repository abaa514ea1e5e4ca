"""Starts streams early, on servers that need the status and headers when the app returns.

PEP 3333 makes a server wait for them until the first block, and so a stream starts with that block.
Granian does not wait. On Granian a stream starts at the end of the call, after the teardown of its
view. Admission, ``hold`` and the true status are then as on other servers.
"""

from __future__ import annotations

from contextlib import contextmanager
from types import MethodType
from typing import Any, Callable, Iterable, Iterator, List, Protocol
from weakref import ref

from .call_end import call
from .types import Environ, StartResponse

_TO_BEGIN = "flask_llmstream.to_begin"
"""In ``environ``: weak references to the bodies that must begin at the end of the call. A body that
a middleware has replaced is freed, and so does not begin."""


class Body(Protocol):
    """A body that can begin before it is read."""

    def begin(self) -> None:
        """Begin now, unless it has a reader or is closed."""


def needs_early_start(environ: Environ) -> bool:
    """Whether this server needs the status and headers when the app returns."""
    return bool(environ.get("SERVER_SOFTWARE", "").startswith("Granian"))


def begin_early(environ: Environ, body: Body) -> None:
    """Make a body begin when the call ends, if the call is inside :func:`early_start`."""
    if _TO_BEGIN in environ:
        environ[_TO_BEGIN].append(ref(body))


@contextmanager
def early_start(environ: Environ) -> Iterator[None]:
    """A context for a call of an app. At its end the streams of that call begin, where they will be
    read. Inside another such context they begin at the end of the outer one.
    """
    if _TO_BEGIN in environ:
        yield
        return
    bodies: List[Any] = []
    environ[_TO_BEGIN] = bodies
    try:
        yield
        for body in bodies:  # the list may grow: a failure may be answered by another stream
            _begin(body())
    finally:
        environ.pop(_TO_BEGIN, None)


def _begin(body: Any) -> None:
    if body is not None:
        body.begin()


class EarlyStart:
    """Wraps the ``wsgi_app`` of a Flask app. At the end of a call it takes the steps that are due
    there, and begins the streams, on servers that need it.

    :param always: also on servers that are not known to need it.
    """

    def __init__(self, app: Any, always: bool) -> None:
        self._app = app
        self._own = vars(app).get("wsgi_app")
        self._always = always

    @property
    def wsgi_app(self) -> Callable[..., Iterable[bytes]]:
        """The wrapped ``wsgi_app``: the one that was set on the app, or the method of its class,
        which an agent may replace later."""
        return self._own or MethodType(type(self._app).wsgi_app, self._app)

    def __call__(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        if not (self._always or needs_early_start(environ)):
            return call(self.wsgi_app, environ, start_response)
        with early_start(environ):
            return call(self.wsgi_app, environ, start_response)

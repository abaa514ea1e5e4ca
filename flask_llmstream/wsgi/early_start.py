"""Servers that take an answer's status and headers at the call of the application, and none later.

Floor 3. PEP 3333 has a server wait for them until the first block, and so a stream starts with
that. Granian does not wait. There a stream starts at the end of the call, behind the teardown of
its view; admission, ``hold`` and a true status are then what they are elsewhere.
"""

from __future__ import annotations

from contextlib import contextmanager
from types import MethodType
from typing import Any, Callable, Iterable, Iterator, List, Protocol
from weakref import ref

from .types import Environ, StartResponse

_TO_BEGIN = "flask_llmstream.to_begin"
"""In ``environ``: the bodies of a call whose end is awaited. Weakly: one that a middleware has
replaced is not to begin."""


class Body(Protocol):
    """What may begin before it is read."""

    def begin(self) -> None:
        """Begin now, unless somebody reads it or has closed it."""


def takes_no_later_start(environ: Environ) -> bool:
    """Whether this server is one of those."""
    return bool(environ.get("SERVER_SOFTWARE", "").startswith("Granian"))


def begin_at_call(environ: Environ, body: Body) -> None:
    """Have a body begin when the call ends, where that is awaited."""
    if _TO_BEGIN in environ:
        environ[_TO_BEGIN].append(ref(body))


@contextmanager
def early_start(environ: Environ) -> Iterator[None]:
    """Begin, at the end of this block, the streams of the call in it, where they are to be read.

    Who is outermost begins them: inside of another such block it is left to that.
    """
    if _TO_BEGIN in environ:
        yield
        return
    bodies: List[Any] = []
    environ[_TO_BEGIN] = bodies
    try:
        yield
        for body in bodies:  # what answers a failure, a stream in its turn, comes to them meanwhile
            _begin(body())
    finally:
        environ.pop(_TO_BEGIN, None)


def _begin(body: Any) -> None:
    if body is not None:
        body.begin()


class EarlyStart:
    """Round an app of Flask's, its own ``wsgi_app``: begins its streams at the end of a call.

    :param always: also on servers that are not known to need it.
    """

    def __init__(self, app: Any, always: bool) -> None:
        self._app = app
        self._own = vars(app).get("wsgi_app")
        self._always = always

    @property
    def wsgi_app(self) -> Callable[..., Iterable[bytes]]:
        """What is called: what the app had before, or its class's, which an agent may replace."""
        return self._own or MethodType(type(self._app).wsgi_app, self._app)

    def __call__(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        if not (self._always or takes_no_later_start(environ)):
            return self.wsgi_app(environ, start_response)
        with early_start(environ):
            return self.wsgi_app(environ, start_response)

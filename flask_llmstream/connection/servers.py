"""Where each WSGI server shows the socket of its client.

The socket stays the server's own: nothing here reads, writes or closes it. The server's object is
kept, and not its descriptor: once a socket is closed, its number may be another client's.
"""

from __future__ import annotations

import os
import stat
from operator import itemgetter
from typing import Any, Callable, Dict, Mapping, Optional

from .socket_options import TELLS_DEPARTURES

WAITRESS_DISCONNECTED = "waitress.client_disconnected"
"""The key of a function that says whether the client has left."""

Environ = Mapping[str, Any]


def client_socket(environ: Environ) -> Any:
    """The socket of a request's client: an object with a ``fileno``, or a descriptor.

    Call it where the request is handled: uWSGI shows the socket nowhere else.

    :returns: ``None`` where the server does not show it, or where it is not the client's alone.
    """
    if not TELLS_DEPARTURES or environ.get("SERVER_PROTOCOL", "").startswith(_SHARED):
        return None
    for key, find in _SHOWN_BY.items():
        if key in environ:
            found = find(environ)
            if descriptor_of(found) is not None:
                return found
    return None


def descriptor_of(shown: Any) -> Optional[int]:
    """The descriptor of a socket that :func:`client_socket` found. ``None``: there is no socket, or
    the server has closed it."""
    if shown is None:
        return None
    try:
        descriptor: int = shown if isinstance(shown, int) else shown.fileno()
        return descriptor if stat.S_ISSOCK(os.fstat(descriptor).st_mode) else None
    except (AttributeError, OSError, ValueError):  # no descriptor, or a closed one
        return None


def unwritten(environ: Environ) -> int:
    """How many bytes of the answer the server still keeps for itself. Only waitress keeps any."""
    return int(getattr(_waitress_channel(environ), "total_outbufs_len", 0))


def _of_waitress(environ: Environ) -> Any:
    return getattr(_waitress_channel(environ), "socket", None)


def _waitress_channel(environ: Environ) -> Any:
    """waitress shows no socket, but a method of the channel that has it."""
    return getattr(environ.get(WAITRESS_DISCONNECTED), "__self__", None)


def _of_uwsgi(environ: Environ) -> Optional[int]:
    import uwsgi  # exists only inside uWSGI

    try:
        return int(uwsgi.connection_fd())
    except SystemError:  # asked on a thread that handles no request
        return None


def _of_input(environ: Environ) -> Any:
    """gevent.pywsgi has the socket's file behind its input; Werkzeug before 2.0, as its input."""
    body = environ["wsgi.input"]
    return getattr(body, "rfile", body)


_SHARED = ("HTTP/2", "HTTP/3")
"""Protocols whose connections carry several requests at a time."""

_SHOWN_BY: Dict[str, Callable[[Environ], Any]] = {
    **{key: itemgetter(key) for key in ("gunicorn.socket", "gunicorn.sock", "werkzeug.socket")},
    WAITRESS_DISCONNECTED: _of_waitress,
    "uwsgi.version": _of_uwsgi,
    "wsgi.input": _of_input,  # the last, as every server has one
}
"""How to find the socket, by a key that the server puts into ``environ``. "gunicorn.sock" is
put there by gunicorn's gevent_pywsgi worker."""

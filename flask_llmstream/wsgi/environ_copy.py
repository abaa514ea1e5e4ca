"""A copy of ``environ`` for a stream, which may outlive its request.

uWSGI empties the ``environ`` of a request that has ended, and reuses the same mapping for the next
one. The ``wsgi.errors`` of Apache's mod_wsgi refuses writes after the request.
"""

from __future__ import annotations

import sys
from typing import Any, Iterable

from werkzeug.datastructures import EnvironHeaders

from .types import Environ

_OWN = ("wsgi.errors", "wsgi.file_wrapper")
"""The entries of a copy that differ from the server's."""


def copy_environ(environ: Environ) -> Environ:
    """A copy that the server does not change, with errors that can be written to at any time."""
    return {**environ, "wsgi.errors": LastingErrors(environ.get("wsgi.errors"))}


def copy_back(own: Environ, environ: Environ) -> None:
    """Copy an app's additions back, for the server and for outer middlewares."""
    environ.update((name, value) for name, value in own.items() if name not in _OWN)


def detach_environ(request: Any) -> None:
    """Make a request of Werkzeug's read a copy from here on. Its headers do so too."""
    servers, request.environ = request.environ, copy_environ(request.environ)
    servers["werkzeug.request"] = None  # as Flask does; Flask now does it in the copy
    headers = vars(request).get("headers")
    if isinstance(headers, EnvironHeaders):
        headers.environ = request.environ


class LastingErrors:
    """Writes to the server's ``wsgi.errors``, and to stderr once that refuses writes."""

    def __init__(self, errors: Any) -> None:
        self._errors = sys.stderr if errors is None else errors

    def write(self, text: str) -> None:
        """As the method of a file."""
        self._do("write", text)

    def writelines(self, lines: Iterable[str]) -> None:
        """As the method of a file."""
        self._do("writelines", list(lines))

    def flush(self) -> None:
        """As the method of a file."""
        self._do("flush")

    def _do(self, method: str, *arguments: Any) -> None:
        try:
            getattr(self._errors, method)(*arguments)
        except Exception:
            if self._errors is sys.stderr:
                raise
            self._errors = sys.stderr
            getattr(self._errors, method)(*arguments)

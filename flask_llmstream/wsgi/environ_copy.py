"""What outlives a request has an ``environ`` of its own.

Floor 3: Werkzeug. uWSGI empties the ``environ`` of a request that has ended, and has the next one
in the same mapping; the ``wsgi.errors`` of Apache's mod_wsgi refuses whoever writes later.
"""

from __future__ import annotations

import sys
from typing import Any, Iterable

from werkzeug.datastructures import EnvironHeaders

from .types import Environ

_HERE = ("wsgi.errors", "wsgi.file_wrapper")
"""What a copy has instead of the server's."""


def own_environ(environ: Environ) -> Environ:
    """A copy that stays as it is, whatever the server does to its own."""
    return {**environ, "wsgi.errors": LastingErrors(environ.get("wsgi.errors"))}


def give_back(own: Environ, environ: Environ) -> None:
    """Have the server, and who stands before it, find what an app has put into its copy."""
    environ.update((name, value) for name, value in own.items() if name not in _HERE)


def leave_environ(request: Any) -> None:
    """Have a request of Werkzeug's read a copy from here on, its headers too."""
    servers, request.environ = request.environ, own_environ(request.environ)
    servers["werkzeug.request"] = None  # as Flask does, which finds the copy now
    headers = vars(request).get("headers")
    if isinstance(headers, EnvironHeaders):
        headers.environ = request.environ


class LastingErrors:
    """Writes to the server's ``wsgi.errors``, and to stderr once that takes nothing any more."""

    def __init__(self, errors: Any) -> None:
        self._errors = sys.stderr if errors is None else errors

    def write(self, text: str) -> None:
        """As a file's."""
        self._do("write", text)

    def writelines(self, lines: Iterable[str]) -> None:
        """As a file's."""
        self._do("writelines", list(lines))

    def flush(self) -> None:
        """As a file's."""
        self._do("flush")

    def _do(self, method: str, *arguments: Any) -> None:
        try:
            getattr(self._errors, method)(*arguments)
        except Exception:
            if self._errors is sys.stderr:
                raise
            self._errors = sys.stderr
            getattr(self._errors, method)(*arguments)

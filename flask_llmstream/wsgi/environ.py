"""Facts about a request, which the middleware reads from its ``environ``."""

from __future__ import annotations

from typing import Hashable
from urllib.parse import quote

from .types import Environ


def is_no_page_load(environ: Environ) -> bool:
    """Whether the response may be an event stream: not if a browser loads a page.

    A browser that loads a page names ``text/html`` in ``Accept``. No reader of an event stream
    does: ``EventSource`` names ``text/event-stream``, and ``fetch`` and most programs accept
    anything.
    """
    return "text/html" not in environ.get("HTTP_ACCEPT", "")


def must_run_in_place(environ: Environ) -> bool:
    """Whether the app must be called on the server's own thread or greenlet.

    A response to ``HEAD`` has no stream. Before Flask 2.2, the ``with`` block of its test client
    looks for the request's context where the client made the request.
    """
    return environ["REQUEST_METHOD"] == "HEAD" or bool(environ.get("flask._preserve_context"))


def remote_address(environ: Environ) -> Hashable:
    """The client's address, as the app sees it: an inner ``ProxyFix`` has set it by then."""
    return environ.get("REMOTE_ADDR")


def no_client(environ: Environ) -> Hashable:
    """No client: the request counts for none."""
    return None


def request_line(environ: Environ) -> str:
    """The request in the log, such as ``GET /ticks``."""
    path = environ.get("SCRIPT_NAME", "") + environ.get("PATH_INFO", "")
    return f"{environ['REQUEST_METHOD']} {quote(path, encoding='latin-1')}"

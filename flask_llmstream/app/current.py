"""``current()``: the application, the request and their contexts, found once for a stream.

Each access to ``current_app`` or ``request`` looks its object up anew. What makes a stream needs
both a dozen times.
"""

from __future__ import annotations

from typing import Any, Callable, NamedTuple, Optional

import flask.globals
from flask import Flask, Request, current_app, has_request_context
from flask.ctx import AppContext

CONTEXT_IS_ONE = hasattr(AppContext, "has_request")
"""Whether one context is both the request's and the app's: Flask from 3.2 on."""

if hasattr(flask.globals, "app_ctx"):  # Flask from 2.2 on
    request_context: Callable[[], Any] = getattr(
        flask.globals, "app_ctx" if CONTEXT_IS_ONE else "request_ctx"
    )._get_current_object
else:
    from flask import _request_ctx_stack  # type: ignore

    def request_context() -> Any:
        """The current request's context."""
        return _request_ctx_stack.top


class Current(NamedTuple):
    """What the code that runs here belongs to.

    :ivar app: the current application.
    :ivar context: the current request's context; ``None`` where there is no request.
    :ivar request: the current request; ``None`` where there is none.
    """

    app: Flask
    context: Any
    request: Optional[Request]


def current() -> Current:
    """The application and the request of the code that runs here.

    :raises RuntimeError: there is no application.
    """
    app: Any = current_app
    if not has_request_context():
        return Current(app._get_current_object(), None, None)
    context = request_context()
    return Current(app._get_current_object(), context, context.request)

"""What the answers of the chat endpoints have in common: errors are JSON, and each has an ID.

Their clients are programs. So an error that the application does not handle (a guard's
``abort(403)``, a bug, a path without a route) is answered in OpenAI's form, and so is an error
whose handler makes a page for people.
"""

from __future__ import annotations

import sys
from dataclasses import replace
from typing import Any, Optional

from flask import Flask, Response, current_app, request
from werkzeug.exceptions import HTTPException, InternalServerError, MethodNotAllowed

from ..app.error_handlers import has_own_page, log_refusal, own_answer
from ..app.methods import Find, Method, wrap_method
from ..app.request_id import request_id
from ..errors import StreamError
from ..exceptions.error_info import error_info_of
from ..records import ErrorInfo
from ..wsgi.failure_response import failure_response
from .cross_site import allow_reading
from .mounts import Mount, Mounts

_MOUNT = "flask_llmstream.chat_mount"
"""The key in ``environ`` for the mount that a request is addressed to."""

_REQUEST_ID = "X-Request-ID"


def speak_json(app: Flask) -> None:
    """Have the app answer the requests to its chat endpoints as their clients read them.

    Flask calls the first of the ``after_request`` functions last, so the application's own
    ``X-Request-ID`` stands.
    """
    app.url_value_preprocessors.setdefault(None, []).insert(0, _noting(Mounts()))
    wrap_method(app, "handle_http_exception", _without_pages)
    wrap_method(app, "handle_user_exception", _without_pages)
    wrap_method(app, "finalize_request", _with_json)
    app.after_request_funcs.setdefault(None, []).insert(0, _with_request_id)


def _noting(mounts: Mounts) -> Any:
    """A URL preprocessor, so that it runs before anything may answer."""

    def note(endpoint: Any, arguments: Any) -> None:
        mount = mounts.of(request._get_current_object())  # type: ignore[attr-defined]
        if mount is not None:
            request.environ[_MOUNT] = mount
            allow_reading(mount.chat.own.allowed_origins)

    return note


def _mount() -> Optional[Mount]:
    found: Optional[Mount] = request.environ.get(_MOUNT)
    return found


def _without_pages(find: Find) -> Method:
    """Wraps the methods that ask the app's error handlers."""

    def handling(*arguments: Any) -> Any:
        answer, error = find()(*arguments), arguments[-1]
        return answer if answer is error else _no_page(answer, error)

    return handling


def _with_json(find: Find) -> Method:
    """Wraps the method that makes a response of what views and error handlers return."""

    def finalizing(*arguments: Any, **keywords: Any) -> Any:
        *context, answer = arguments
        if isinstance(answer, HTTPException) and _mount() is not None:
            answer = _as_json(answer)
        elif keywords.get("from_error_handler"):  # of a bug, which is being handled
            answer = _no_page(answer, sys.exc_info()[1])
        return find()(*context, answer, **keywords)

    return finalizing


def _no_page(answer: Any, error: Optional[BaseException]) -> Any:
    """A handler's answer; in place of a page the HTTP exception itself, or our answer."""
    mount = _mount()
    if mount is None or (mount.is_open and not mount.is_route):
        return answer
    response = current_app.make_response(answer)
    if response.mimetype != "text/html" or 300 <= response.status_code < 400:
        return response
    if isinstance(error, HTTPException):
        return error
    failure = error_info_of(error, request_id())
    if response.status_code >= 400:
        failure = replace(failure, status=response.status_code)
    log_refusal(failure)
    return failure_response(failure)


def _as_json(error: HTTPException) -> Any:
    """The answer to an HTTP exception that the app has none for."""
    if (error.code or 0) < 400 or has_own_page(error):
        return error
    failure = _failure(error)
    log_refusal(failure)
    return own_answer(error, failure)


def _failure(error: HTTPException) -> ErrorInfo:
    raised: Any = error
    if error is request.routing_exception:
        raised = _routing_error(error)
    elif isinstance(error, InternalServerError):
        raised = getattr(error, "original_exception", None) or error
    return error_info_of(raised, request_id())


def _routing_error(error: HTTPException) -> StreamError:
    asked = f"{request.method} {request.path[:100]}"
    if isinstance(error, MethodNotAllowed):
        allowed = ", ".join(sorted(error.valid_methods or ()))
        message = f"there is no {asked}; its methods are {allowed}"
        return StreamError(message, code="method_not_allowed", status=405)
    return StreamError(f"there is no {asked}", code="unknown_path", status=404)


def _with_request_id(response: Response) -> Response:
    if _mount() is not None:
        response.headers.setdefault(_REQUEST_ID, request_id())
    return response

"""What the answers of the chat endpoints have in common: errors are JSON, and each has an ID.

Their clients are programs. So an HTTP exception that the application does not handle (a guard's
``abort(403)``, a bug, a path without a route) is answered in OpenAI's form, and so is an HTTP
exception whose handler makes a page for people.
"""

from __future__ import annotations

from typing import Any, Optional

from flask import Flask, Response, current_app, request
from werkzeug.exceptions import HTTPException, InternalServerError, MethodNotAllowed

from ..app.error_handlers import has_own_page, log_refusal, own_answer
from ..app.methods import Find, Method, wrap_method
from ..app.request_id import request_id
from ..errors import StreamError
from ..exceptions.error_info import error_info_of
from ..records import ErrorInfo
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
    wrap_method(app, "handle_user_exception", _without_pages)
    wrap_method(app, "finalize_request", _with_json)
    app.after_request_funcs.setdefault(None, []).insert(0, _with_request_id)


def _noting(mounts: Mounts) -> Any:
    """A URL preprocessor, so that it runs before anything may answer."""

    def note(endpoint: Any, arguments: Any) -> None:
        mount = mounts.of(request)
        if mount is not None:
            request.environ[_MOUNT] = mount
            allow_reading(mount.chat.own.allowed_origins)

    return note


def _mount() -> Optional[Mount]:
    found: Optional[Mount] = request.environ.get(_MOUNT)
    return found


def _without_pages(find: Find) -> Method:
    def handling(*arguments: Any) -> Any:
        answer, error = find()(*arguments), arguments[-1]
        if answer is error or not isinstance(error, HTTPException) or _may_have_pages():
            return answer
        response = current_app.make_response(answer)
        return error if _is_page(response) else response

    return handling


def _may_have_pages() -> bool:
    mount = _mount()
    return mount is None or (mount.is_root and not mount.is_route)


def _is_page(response: Response) -> bool:
    return response.mimetype == "text/html" and not 300 <= response.status_code < 400


def _with_json(find: Find) -> Method:
    def finalizing(*arguments: Any, **keywords: Any) -> Any:
        *context, answer = arguments
        if isinstance(answer, HTTPException) and _mount() is not None:
            answer = _as_json(answer)
        return find()(*context, answer, **keywords)

    return finalizing


def _as_json(error: HTTPException) -> Any:
    """The answer to an HTTP exception that the app has none for."""
    if (error.code or 0) < 400 or has_own_page(error):
        return error
    failure = _failure(error)
    log_refusal(failure)
    return own_answer(error, failure)


def _failure(error: HTTPException) -> ErrorInfo:
    raised: Any = error
    if error is getattr(request, "routing_exception", None):
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

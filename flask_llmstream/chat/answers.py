"""What the answers of the chat endpoints have in common: errors are JSON, and each has an ID.

Their clients are programs. So an error that the application does not handle (a guard's
``abort(403)``, a bug, a path without a route) is answered in OpenAI's form. A handler of the
application's is asked first, and its answer stands. Only for a path without a route, a page for
people is no answer.
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
from ..wsgi.failure_response import set_failure_form
from .cross_site import allow_reading, send_cors_headers
from .mounts import Mount, Mounts

_EXTENSION = "llmstream_chat"
"""The key in ``app.extensions`` for the mounts of an app that speaks JSON."""

_MOUNT = "flask_llmstream.chat_mount"
"""The key in ``environ`` for the mount that a request is addressed to."""

_REQUEST_ID = "X-Request-ID"


def speak_json(app: Flask) -> None:
    """Have an app with chat endpoints answer the requests to them as their clients read them. A
    second call has no effect.

    Flask calls the first of the ``after_request`` functions last, so the application's own
    ``X-Request-ID`` stands.
    """
    if _EXTENSION in app.extensions:
        return
    app.extensions[_EXTENSION] = mounts = Mounts()
    send_cors_headers(app)
    app.url_value_preprocessors.setdefault(None, []).insert(0, _noting(mounts))
    wrap_method(app, "handle_user_exception", _without_pages)
    wrap_method(app, "finalize_request", _with_json)
    app.after_request_funcs.setdefault(None, []).insert(0, _with_request_id)


def _noting(mounts: Mounts) -> Any:
    """A URL preprocessor, so that it runs before anything may answer."""

    def note(endpoint: Any, arguments: Any) -> None:
        mount = mounts.of(request._get_current_object())  # type: ignore[attr-defined]
        if mount is not None:
            request.environ[_MOUNT] = mount
            protocol = mount.chat.protocol(mount.endpoint)
            if protocol is not None:
                set_failure_form(request.environ, protocol.failure)
            allow_reading(mount.chat.own.in_force().allowed_origins)

    return note


def _mount() -> Optional[Mount]:
    found: Optional[Mount] = request.environ.get(_MOUNT)
    return found


def _without_pages(find: Find) -> Method:
    """Wraps the method that asks the app's error handlers."""

    def handling(*arguments: Any) -> Any:
        answer, error = find()(*arguments), arguments[-1]
        mount = _mount()
        if mount is None or mount.may_have_pages or answer is error:
            return answer
        response = current_app.make_response(answer)
        is_page = response.mimetype == "text/html" and not 300 <= response.status_code < 400
        return error if is_page else response

    return handling


def _with_json(find: Find) -> Method:
    """Wraps the method that makes a response of the exceptions that no handler answered."""

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
    if _mount() is not None and _REQUEST_ID not in response.headers:
        response.headers.add(_REQUEST_ID, request_id())
    return response

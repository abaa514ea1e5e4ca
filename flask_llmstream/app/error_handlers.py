"""Lets the application's error handlers answer a stream's error, as they answer a view's.

Flask finds an error handler by the exception's class and by the status of that *class*. Some
frameworks handle only HTTP exceptions. So a ``StreamError`` without a handler of its own is
converted into an HTTP exception, with the ``StreamError`` as its ``__cause__``.
"""

from __future__ import annotations

import sys
from functools import partial
from typing import Any, Callable, Dict, Tuple

from flask import Flask, after_this_request, current_app, got_request_exception, request
from werkzeug.exceptions import HTTPException, InternalServerError

from ..errors import StreamError
from ..exceptions.error_info import error_info_of
from ..exceptions.handling import set_traceback, traceback_of
from ..log import log_of
from ..records import ErrorInfo
from ..sources.calls import sent
from ..wsgi.failure_response import failure_response, http_exception, with_headers
from ..wsgi.returning_reader import or_send_off
from .context import leading_argument
from .methods import Find, Method, wrap_method
from .request_id import request_id

_CATCH_ALL = (BaseException, Exception, HTTPException)
"""A handler of one of these classes gets a ``StreamError`` as an HTTP exception."""

_FAILED = "an error handler failed, and nobody can be told of it"


def error_response(app: Any, error: BaseException, failure: ErrorInfo) -> Any:
    """The app's response to a stream's error; our own where the app has no handler for it. Called
    inside the contexts of the request.

    :raises BaseException: with ``PROPAGATE_EXCEPTIONS``: the error, where the app has no handler,
        or the error that a handler raised.
    """
    raised = as_http_exception(app, error, failure)
    traceback = traceback_of(raised)
    try:
        answer = _call_handler(app, raised)
        if answer is raised and failure.code == "http_error" and not has_own_page(answer):
            answer = own_answer(answer, failure)
        response = app.make_response(answer)
    except BaseException as unhandled:  # a stream may have failed with gevent's own
        if unhandled is not raised and not isinstance(unhandled, Exception):
            raise
        response = app.make_response(_internal_server_error(app, unhandled, raised, failure))
    set_traceback(raised, traceback)  # the new one holds this frame, which holds the error
    return with_headers(response, failure)


def has_own_page(error: Any) -> bool:
    """Whether an HTTP exception, or its class, has an answer other than Werkzeug's page."""
    makers = (type(error).get_response, type(error).get_body)
    of_werkzeug = [maker.__module__.startswith("werkzeug.") for maker in makers]
    return error.response is not None or not all(of_werkzeug)


def own_answer(error: Any, failure: ErrorInfo) -> Any:
    """Our JSON in place of an HTTP exception's page. The exception's headers are kept: how to
    authenticate, which methods are allowed, when to come back."""
    response = failure_response(failure, request.environ)
    theirs = error.get_response().headers.to_wsgi_list()
    response.headers.extend([each for each in theirs if each[0] not in response.headers])
    return response


def _call_handler(app: Any, error: BaseException) -> Any:
    try:
        raise error  # Flask takes it from sys.exc_info()
    except Exception:
        return app.handle_user_exception(*leading_argument(), error)


def _internal_server_error(
    app: Any, unhandled: BaseException, raised: BaseException, failure: ErrorInfo
) -> Any:
    """The answer to an error without a handler, as ``Flask.handle_exception`` gives it.

    Two things differ. The stream's own error, unless it was raised on purpose, is logged and
    signalled at the stream's end. And ``after_request`` functions are not called: they have run.
    """
    if app.config["PROPAGATE_EXCEPTIONS"]:
        raise unhandled
    if unhandled is not raised or isinstance(unhandled, (StreamError, HTTPException)):
        log = log_of(app)
        log.isolated(partial(sent, got_request_exception, app, exception=unhandled), _FAILED)
        told = partial(app.log_exception, *leading_argument(), sys.exc_info())
        log.isolated(told, _FAILED)
    if failure.code != "internal":
        failure = error_info_of(None, failure.id)
    error: Any = InternalServerError(response=failure_response(failure, request.environ))
    error.original_exception = error.__cause__ = unhandled
    return app.handle_http_exception(*leading_argument(), error)


def as_http_exception(app: Flask, error: Any, failure: ErrorInfo) -> Any:
    """The HTTP exception that replaces a ``StreamError``. An error of another class, and an error
    for which the app has a handler, is returned as it is."""
    if not issubclass(type(error), StreamError) or _has_handler(app, type(error)):
        return error
    made = http_exception(failure, request.environ)
    made.__cause__ = error
    return made


def _has_handler(app: Flask, kind: type) -> bool:
    scopes = (None, request.blueprint, *getattr(request, "blueprints", ()))
    for scope in scopes:
        handlers = app.error_handler_spec.get(scope, {}).get(None) or {}
        if any(issubclass(kind, one) and one not in _CATCH_ALL for one in handlers):
            return True
    return False


# The errors that a view raises.


def convert_stream_errors(app: Flask) -> None:
    """Let the app's views, and the functions before them, raise HTTP exceptions in place of
    ``StreamError``.

    Flask-RESTX treats every other exception as a bug, before any handler of the app is asked. An
    extension that replaces ``dispatch_request`` is served a step later, by the wrapped
    ``handle_user_exception``.
    """
    for name, wrap in _WRAPPERS.items():
        wrap_method(app, name, wrap)


def _wrap_call(find: Find) -> Method:
    def raising(*arguments: Any) -> Any:
        try:
            return find()(*arguments)
        except StreamError as error:
            raised, failure = _convert(error)
            log_refusal(failure)
            raise raised

    return raising


def _wrap_handler(find: Find) -> Method:
    def handling(*arguments: Any) -> Any:
        *context, error = arguments
        if not issubclass(type(error), StreamError):
            return find()(*arguments)
        raised, failure = _convert(error)
        if raised is not error:  # else it is logged already, or as its stream's end
            log_refusal(failure)
        try:
            raise raised
        except Exception:
            return find()(*context, raised)

    return handling


_WRAPPERS: Dict[str, Callable[[Find], Method]] = {
    "preprocess_request": _wrap_call,
    "dispatch_request": _wrap_call,
    "handle_user_exception": _wrap_handler,
}


def log_refusal(failure: ErrorInfo) -> None:
    """Log that the current request is refused. The line has the ID that the client is told."""
    asked = request.method, request.path
    log_of(current_app).info("refused %s %s (%s): %s", *asked, failure.id, failure.message)


def _convert(error: StreamError) -> Tuple[Any, ErrorInfo]:
    """The exception to raise in place of a view's error, and the part that the client is told."""
    app: Any = current_app._get_current_object()  # type: ignore[attr-defined]
    failure = error_info_of(error, request_id())
    after_this_request(partial(_finished, app, failure))
    return as_http_exception(app, error, failure), failure


def _finished(app: Any, failure: ErrorInfo, response: Any) -> Any:
    answer = or_send_off(with_headers(response, failure), request.environ)
    return app.make_response(answer)  # of the app's own class, for its functions behind this one

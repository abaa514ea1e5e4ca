"""An error of a stream, answered by the application as one of a view.

Roof: Flask. Its error handlers are found by an exception's class and by the *class's* status, and
some frameworks know HTTP exceptions alone. So a ``StreamError`` that no handler of the application
takes is handed on as an HTTP exception, with the ``StreamError`` as its ``__cause__``.
"""

from __future__ import annotations

import functools
import sys
import uuid
from functools import partial
from typing import Any, Callable, Dict, Optional

from flask import Flask, after_this_request, current_app, got_request_exception, request
from werkzeug.exceptions import HTTPException, InternalServerError

from ..errors import StreamError
from ..exceptions.error_info import error_info_of
from ..exceptions.handling import set_traceback, traceback_of
from ..log import log_of
from ..records import ErrorInfo
from ..sources.calls import sent
from ..wsgi.failure_response import failure_response, http_exception, with_headers
from .context import leading_argument

_OF_ALL = (BaseException, Exception, HTTPException)
"""Whose handlers are given a ``StreamError`` as an HTTP exception."""

Method = Callable[..., Any]
Find = Callable[[], Method]

_UNTOLD = "an error handler failed, and nobody can be told of it"


def answer_of(app: Any, error: BaseException, failure: ErrorInfo) -> Any:
    """What the app answers to an error of a stream, inside the contexts of its request; ours where
    it has no handler.

    :raises BaseException: the error, where no handler takes it and ``PROPAGATE_EXCEPTIONS`` is
        set; a handler's own, likewise.
    """
    raised = in_http_terms(app, error, failure)
    behind = traceback_of(raised)
    try:
        answer = _handled(app, raised)
        if answer is raised and failure.code == "http_error" and not _has_own_page(answer):
            answer = _ours(answer, failure)
        response = app.make_response(answer)
    except BaseException as unhandled:  # a stream may have failed with gevent's own
        if unhandled is not raised and not isinstance(unhandled, Exception):
            raise
        response = app.make_response(_answer_to_unhandled(app, unhandled, raised, failure))
    set_traceback(raised, behind)  # else it holds the frame of this, and so itself
    return with_headers(response, failure)


def _has_own_page(error: Any) -> bool:
    """Does an HTTP exception, or its class, bring an answer that isn't Werkzeug's page?"""
    makers = (type(error).get_response, type(error).get_body)
    of_werkzeug = [maker.__module__.startswith("werkzeug.") for maker in makers]
    return error.response is not None or not all(of_werkzeug)


def _ours(error: Any, failure: ErrorInfo) -> Any:
    """Our answer for an HTTP exception, with what that says beside its page: how to authenticate,
    what is allowed, when to come back."""
    response = failure_response(failure)
    theirs = error.get_response().headers.to_wsgi_list()
    response.headers.extend([each for each in theirs if each[0] not in response.headers])
    return response


def _handled(app: Any, error: BaseException) -> Any:
    try:
        raise error  # Flask asks sys.exc_info() for it
    except Exception:
        return app.handle_user_exception(*leading_argument(), error)


def _answer_to_unhandled(
    app: Any, unhandled: BaseException, raised: BaseException, failure: ErrorInfo
) -> Any:
    """As ``Flask.handle_exception``, but that the stream's own error, unless it was raised on
    purpose, is logged and signalled with the stream's end, and that the functions behind a request
    have run."""
    if app.config["PROPAGATE_EXCEPTIONS"]:
        raise unhandled
    if unhandled is not raised or isinstance(unhandled, (StreamError, HTTPException)):
        log = log_of(app)
        log.isolated(partial(sent, got_request_exception, app, exception=unhandled), _UNTOLD)
        told = partial(app.log_exception, *leading_argument(), sys.exc_info())
        log.isolated(told, _UNTOLD)
    if failure.code != "internal":
        failure = error_info_of(None, failure.id)
    error: Any = InternalServerError(response=failure_response(failure))
    error.original_exception = error.__cause__ = unhandled
    return app.handle_http_exception(*leading_argument(), error)


def in_http_terms(app: Flask, error: Any, failure: Optional[ErrorInfo] = None) -> Any:
    """The HTTP exception that stands for a ``StreamError``. Any other error, and one that the app
    has a handler of its own for, as it is."""
    if not issubclass(type(error), StreamError) or _has_handler(app, type(error)):
        return error
    made = http_exception(failure or error_info_of(error, uuid.uuid4().hex))
    made.__cause__ = error
    return made


def _has_handler(app: Flask, kind: type) -> bool:
    scopes = (None, request.blueprint, *getattr(request, "blueprints", ()))
    for scope in scopes:
        handlers = app.error_handler_spec.get(scope, {}).get(None) or {}
        if any(issubclass(kind, one) and one not in _OF_ALL for one in handlers):
            return True
    return False


# What a view raises.


def hand_on_errors(app: Flask) -> None:
    """Have the app's views, and what runs before them, raise HTTP exceptions for ``StreamError``.

    Flask-RESTX takes every other exception for a bug, before any handler of the app is asked. An
    extension that puts itself in the view's place has it all the same, a step later.
    """
    for name, around in _AROUND.items():
        method = functools.wraps(getattr(app, name))
        setattr(app, name, method(around(_find(app, name))))


def _find(app: Any, name: str) -> Find:
    """What gives the app's method: its own, or its class's, which an agent may replace later."""
    own: Optional[Method] = vars(app).get(name)
    return lambda: partial(getattr(type(app), name), app) if own is None else own


def _raising(find: Find) -> Method:
    def raising(*arguments: Any) -> Any:
        try:
            return find()(*arguments)
        except StreamError as error:
            raise _refused(error)

    return raising


def _handling(find: Find) -> Method:
    def handling(*arguments: Any) -> Any:
        *context, error = arguments
        if not issubclass(type(error), StreamError):
            return find()(*arguments)
        try:
            raise _refused(error)
        except Exception as raised:
            return find()(*context, raised)

    return handling


_AROUND: Dict[str, Callable[[Find], Method]] = {
    "preprocess_request": _raising,
    "dispatch_request": _raising,
    "handle_user_exception": _handling,
}


def _refused(error: StreamError) -> Any:
    app: Any = current_app._get_current_object()  # type: ignore[attr-defined]
    failure = error_info_of(error, uuid.uuid4().hex)
    raised = in_http_terms(app, error, failure)
    if raised is not error:
        asked = request.method, request.path
        log_of(app).info("refused %s %s (%s): %s", *asked, failure.id, failure.message)
    after_this_request(lambda response: with_headers(response, failure))
    return raised

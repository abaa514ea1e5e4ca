"""The view's contexts, carried to the worker.

Roof: Flask, from 1.1 on. A spawned greenlet or thread starts without any; the view's own are
torn down when the view returns, as always, so the producer gets an app context of its own.
"""

from __future__ import annotations

import contextvars
from contextlib import contextmanager
from functools import partial
from inspect import GEN_CREATED, getgeneratorstate
from types import GeneratorType
from typing import Any, Callable, Dict, Iterator, List, Optional, Tuple, TypeVar

import flask.globals
import flask.templating
import gevent
from flask import Flask, current_app, g, has_request_context, stream_with_context
from flask.ctx import AppContext
from gevent import getcurrent

from ..exceptions.handling import while_handling
from ..log import Log, log_of
from ..stream.hooks import Work
from ..wsgi.environ_copy import leave_environ

_IS_ONE = hasattr(AppContext, "has_request")
"""Whether a request's context is its app context as well: Flask from 3.2 on."""

if hasattr(flask.globals, "app_ctx"):  # Flask from 2.2 on
    _CURRENT = "app_ctx" if _IS_ONE else "request_ctx"

    def _request_context() -> Any:
        return _behind(getattr(flask.globals, _CURRENT))

    def _release_carried() -> None:
        """Nothing to do: contexts are contextvars, and pushed anew."""

    @contextmanager
    def _keeping_what_is_there() -> Iterator[None]:
        """Nothing to do: who keeps a context has taken it."""
        yield

else:
    from flask import _app_ctx_stack, _request_ctx_stack  # type: ignore

    def _request_context() -> Any:
        return _request_ctx_stack.top

    def _release_carried() -> None:
        # Werkzeug 2.0 keeps the stacks themselves in contextvars: drop the carried ones.
        _request_ctx_stack.__release_local__()
        _app_ctx_stack.__release_local__()

    @contextmanager
    def _keeping_what_is_there() -> Iterator[None]:
        # The next push would pop one that a test client keeps.
        below = _request_ctx_stack.top
        preserved = getattr(below, "preserved", False)
        if preserved:
            below.preserved = False
        try:
            yield
        finally:
            if preserved:
                below.preserved = True


def _behind(proxy: Any) -> Any:
    """The object that one of Flask's proxies stands for here."""
    return proxy._get_current_object()


T = TypeVar("T")


def leading_argument() -> Tuple[Any, ...]:
    """What Flask's own methods are given first: from 3.2 on, the context."""
    return (_request_context(),) if _IS_ONE else ()


_KEPT = "_llmstream_kept"
_OUTLIVED = "_llmstream_outlived"


def keep_with_request(thing: Any) -> None:
    """Have it live as long as the request whose context is here, though nobody else holds it."""
    if has_request_context():
        vars(_request_context()).setdefault(_KEPT, []).append(thing)


def end_request(error: Optional[BaseException]) -> None:
    """A teardown function, on the server's side, which is there until this returns.

    What was kept is let go of: it holds its request's context, in its turn. What was carried away
    holds the request itself, which from here on is the server's no longer.
    """
    context = _request_context()
    kept = vars(context)
    kept.pop(_KEPT, None)
    if kept.pop(_OUTLIVED, False):
        leave_environ(context.request)


_DETACHED = ("_login_user",)
"""What stays behind of ``g``: flask-login's user would be a row without its session."""


class CarriedContext:
    """Made in the view; entered once, on the worker."""

    def __init__(self) -> None:
        self._app: Flask = _behind(current_app)
        self._view_g: Any = _behind(g)
        self._request: Any = None
        if has_request_context():
            context = _request_context()
            self._request = context.copy()
            vars(context)[_OUTLIVED] = True
        self._context = contextvars.copy_context()

    def enter(self, work: Work) -> None:
        """Run ``work`` with ``request``, ``session``, ``g`` and contextvars as in the view."""
        if gevent._hub_local.get_hub_if_exists() is None:  # a native thread, without greenlets
            self._context.run(self._inside, work)
            return
        # The worker is ours alone, so its context is simply this one: ``Context.run`` would keep
        # some more of C's stack on every greenlet, to be copied at each switch.
        getcurrent().gr_context = self._context
        self._inside(work)

    @property
    def has_request(self) -> bool:
        """Whether it was made for a request."""
        return self._request is not None

    def again(self, call: Callable[[], T]) -> T:
        """What ``call`` gives in a request's context like the view's, here, where the stream is
        read, and that is torn down behind it."""
        given: List[T] = []
        try:
            with _keeping_what_is_there():
                self._within(self._request.copy(), lambda: given.append(call()))
        except Exception:
            if not given:
                raise
            log_of(self._app).exception("a teardown function failed")
        return given[0]

    def run_in_background(self, work: Callable[[], None]) -> None:
        """Run ``work`` in a bare app context, and log what it raises."""

        def within() -> None:
            with self._app.app_context():
                work()

        self._log.isolated(within, "a stream's callback failed")

    @property
    def _log(self) -> Log:
        return log_of(self._app)

    def _inside(self, work: Work) -> None:
        _release_carried()
        self._within(self._request, work)

    def _within(self, request: Any, work: Work) -> None:
        entered: List[Any] = []
        error: Optional[BaseException] = None
        try:
            for context in self._contexts(request):
                _push(context)
                entered.append(context)
            vars(_behind(g)).update(self._attributes_of_g())
            error = work()
        except BaseException as failure:
            error = failure
            raise
        finally:
            try:
                while_handling(error, partial(_leave, entered, error))
            finally:
                error = None  # this frame is behind those of its traceback: a cycle

    def _contexts(self, request: Any) -> List[Any]:
        """In their order. The app's is its own, for the view's may be among the contextvars."""
        if request is None:
            return [self._app.app_context()]
        return [request] if _IS_ONE else [self._app.app_context(), request]

    def _attributes_of_g(self) -> Dict[str, Any]:
        """Read on the worker: what the view's teardown popped is gone."""
        return {name: value for name, value in vars(self._view_g).items() if name not in _DETACHED}


def _push(context: Any) -> None:
    # With an adapter Flask would match the URL once more; the view's match is there.
    adapter, context.url_adapter = context.url_adapter, None
    context.push()
    context.url_adapter = adapter


def _leave(contexts: List[Any], error: Optional[BaseException]) -> None:
    """Leave them, the last first, each though another's teardown failed.

    By ``pop()``: what ends a ``with`` block, before Flask 2.2, keeps a context that failed for a
    debugger or a test client, which look elsewhere.
    """
    if contexts:
        try:
            contexts.pop().pop(error)
        finally:
            _leave(contexts, error)


def keeps_the_views_context(source: Any) -> bool:
    """Whether it is what ``stream_with_context`` returns: that has pushed the view's context where
    the view runs, and up to Flask 3.0 fails at its end anywhere else."""
    made_by_flask: Any = stream_with_context
    return isinstance(source, GeneratorType) and source.gi_code in made_by_flask.__code__.co_consts


def freed_template(source: Any) -> Any:
    """What ``stream_template()`` gave, out of the view's context that Flask has put round it: the
    carried one will do. Anything else as it is."""
    if keeps_the_views_context(source) and source.gi_frame is not None:
        template = source.gi_frame.f_locals.get("gen")
        if isinstance(template, GeneratorType) and _is_new_template(template):
            source.close()  # it has yet to begin with what is inside, and leaves that open
            return template
    return source


def _is_new_template(source: Any) -> bool:
    has_not_begun = getgeneratorstate(source) == GEN_CREATED
    return has_not_begun and source.gi_frame.f_globals is vars(flask.templating)

"""``CopiedContext``: the view's contexts, copied so that the worker can push them.

A worker is a new greenlet or thread, and starts without contexts. The view's own are torn down
when the view returns, as always. So the worker gets a new app context and a copy of the request's.
"""

from __future__ import annotations

import contextvars
from contextlib import contextmanager
from functools import partial
from inspect import GEN_CREATED, getgeneratorstate
from types import GeneratorType
from typing import Any, Callable, Iterator, List, Optional, Tuple, TypeVar

import flask.globals
import flask.templating
import gevent
from flask import Flask, g, has_request_context, stream_with_context
from flask.ctx import AppContext
from gevent import getcurrent

from ..exceptions.handling import while_handling
from ..log import Log, log_of
from ..stream.hooks import Work
from ..wsgi.call_end import at_call_end
from ..wsgi.environ_copy import detach_environ
from .current import CONTEXT_IS_ONE, Current, request_context

if hasattr(flask.globals, "app_ctx"):  # Flask from 2.2 on

    def _contextvars_of(view: Current) -> contextvars.Context:
        """A copy of the contextvars, without the view's contexts. They would live as long as the
        stream, with all that the view has left on them."""
        kinds = (AppContext, type(view.context))
        copied = contextvars.copy_context()
        for variable, value in copied.items():
            if issubclass(type(value), kinds):  # by type(): a proxy may have no __class__
                copied.run(variable.set, None)
        return copied

    def _drop_copied_stacks() -> None:
        """Nothing to do: these versions have no stacks."""

    @contextmanager
    def _sparing_preserved() -> Iterator[None]:
        """Nothing to do: a push never pops the context that a test client preserves."""
        yield

else:
    from flask import _app_ctx_stack, _request_ctx_stack  # type: ignore

    def _contextvars_of(view: Current) -> contextvars.Context:
        return contextvars.copy_context()

    def _drop_copied_stacks() -> None:
        # Werkzeug 2.0 has the stacks themselves in contextvars, so they were copied with these.
        _request_ctx_stack.__release_local__()
        _app_ctx_stack.__release_local__()

    @contextmanager
    def _sparing_preserved() -> Iterator[None]:
        # The next push would pop a context that a test client preserves.
        below = _request_ctx_stack.top
        preserved = getattr(below, "preserved", False)
        if preserved:
            below.preserved = False
        try:
            yield
        finally:
            if preserved:
                below.preserved = True


T = TypeVar("T")


def leading_argument() -> Tuple[Any, ...]:
    """The first argument of Flask's own methods: the context from Flask 3.2 on, before it none."""
    return (request_context(),) if CONTEXT_IS_ONE else ()


_KEPT = "_llmstream_kept"
_COPIED = "_llmstream_copied"


def keep_with_request(thing: Any) -> None:
    """Keep a reference to ``thing`` until the current request ends. Without a request: nothing."""
    if not has_request_context():
        return
    context = request_context()
    # The step holds it, and not the context, to which it may refer itself: a cycle.
    if at_call_end(context.request.environ, lambda: thing):
        return
    vars(context).setdefault(_KEPT, []).append(thing)
    functions = context.app.teardown_request_funcs.setdefault(None, [])
    if _let_go not in functions:  # only here: Flask calls it for each context of each request
        functions.append(_let_go)


def _let_go(error: Optional[BaseException]) -> None:
    """A teardown function, of contexts that are pushed by hand: let go of what was kept."""
    vars(request_context()).pop(_KEPT, None)


def _detach_at_end(context: Any) -> None:
    """Give a request that was copied an environ of its own, when the server's is the server's
    again: at the end of its call."""
    if _COPIED not in vars(context):
        vars(context)[_COPIED] = True
        at_call_end(context.request.environ, partial(detach_environ, context.request))


_LOGIN_USER = "_login_user"
"""The attribute of ``g`` that is not copied: flask-login's user is a row without its session."""


class CopiedContext:
    """The view's contexts. Made in the view, entered once on the worker.

    :param current: the view's.
    :ivar has_request: whether it was made for a request.
    """

    def __init__(self, current: Current) -> None:
        self._app = current.app
        self._view_g: Any = g._get_current_object()
        self._request: Any = None
        self.has_request = current.context is not None
        if self.has_request:
            self._request = _copy_of(current.context)
            _detach_at_end(current.context)
        self._context = _contextvars_of(current)

    def enter(self, work: Work) -> None:
        """Run ``work`` with ``request``, ``session``, ``g`` and contextvars as in the view."""
        if gevent._hub_local.get_hub_if_exists() is None:  # a native thread, without greenlets
            self._context.run(self._enter, work)
            return
        # The worker has this greenlet for itself, so its context simply becomes the copy.
        # ``Context.run`` would keep more of the C stack, which is copied at each switch.
        getcurrent().gr_context = self._context
        self._enter(work)

    def call_in_request(self, call: Callable[[], T]) -> T:
        """The result of ``call``, in another copy of the request's context. It runs here, where the
        stream is read, and the copy is torn down after it."""
        results: List[T] = []
        try:
            with _sparing_preserved():
                self._run_inside(_copy_of(self._request), lambda: results.append(call()))
        except Exception:
            if not results:
                raise
            log_of(self._app).exception("a teardown function failed")
        return results[0]

    def run_in_background(self, work: Callable[[], None]) -> None:
        """Run ``work`` in a bare app context, and log what it raises."""

        def run() -> None:
            with self._app.app_context():
                work()

        self._log.isolated(run, "a stream's callback failed")

    @property
    def _log(self) -> Log:
        return log_of(self._app)

    def _enter(self, work: Work) -> None:
        _drop_copied_stacks()
        self._run_inside(self._request, work)

    def _run_inside(self, request: Any, work: Work) -> None:
        pushed: List[Any] = []
        error: Optional[BaseException] = None
        try:
            _push(self._app, request, pushed)
            _copy_g(self._view_g)
            error = work()
        except BaseException as failure:
            error = failure
            raise
        finally:
            try:
                while_handling(error, partial(_pop, pushed, error))
            finally:
                error = None  # its traceback holds this frame: a reference cycle


class _Routed:
    """Stands in for an app while a request's context is copied: the URL adapter is known. Flask
    would make another one, which costs more than all the rest of a copy."""

    def __init__(self, context: Any) -> None:
        self.app = context.app
        self._adapter = context.url_adapter

    def __getattr__(self, name: str) -> Any:
        return getattr(self.app, name)

    def create_url_adapter(self, request: Any) -> Any:
        """The adapter of the context that is copied."""
        return self._adapter


def _copy_of(context: Any) -> Any:
    """A copy of a request's context, by Flask, with the same URL adapter. The context itself is not
    changed for it: the producer may use it meanwhile, on another thread."""
    routed = object.__new__(type(context))
    vars(routed).update(vars(context), app=_Routed(context))
    copied = routed.copy()
    copied.app = context.app
    return copied


def _push(app: Flask, request: Any, pushed: List[Any]) -> None:
    """Push an app context and the request's, and note each in ``pushed``."""
    contexts = [] if request is not None and CONTEXT_IS_ONE else [app.app_context()]
    if request is not None:
        contexts.append(request)
    for context in contexts:
        # With an adapter Flask would match the URL again. The copy has the view's match.
        adapter, context.url_adapter = context.url_adapter, None
        context.push()
        context.url_adapter = adapter
        pushed.append(context)


def _copy_g(view_g: Any) -> None:
    """Copy the view's ``g``. This runs on the worker: what the view's teardown popped is gone."""
    attributes = vars(view_g).copy()
    attributes.pop(_LOGIN_USER, None)
    if attributes:
        vars(g._get_current_object()).update(attributes)


def _pop(contexts: List[Any], error: Optional[BaseException]) -> None:
    """Pop the contexts, the last first. Each is popped even where another's teardown failed.

    By ``pop()``: before Flask 2.2 the end of a ``with`` block keeps the context of a failure for a
    debugger or a test client, which look elsewhere.
    """
    try:
        if contexts:
            contexts.pop().pop(error)
    finally:
        if contexts:
            _pop(contexts, error)


def is_stream_with_context(source: Any) -> bool:
    """Is this a generator that ``stream_with_context`` returned? It has pushed the view's context
    where the view runs. Up to Flask 3.0 it fails at its end anywhere else."""
    made_by_flask: Any = stream_with_context
    return isinstance(source, GeneratorType) and source.gi_code in made_by_flask.__code__.co_consts


def unwrapped_template(source: Any) -> Any:
    """The generator inside what ``stream_template()`` returned. The copied context takes the place
    of the view's, which Flask has put round it. Any other source is returned as it is."""
    if is_stream_with_context(source) and source.gi_frame is not None:
        template = source.gi_frame.f_locals.get("gen")
        if isinstance(template, GeneratorType) and _is_new_template(template):
            source.close()  # it has not begun with the template, and does not close it
            return template
    return source


def _is_new_template(source: Any) -> bool:
    has_not_begun = getgeneratorstate(source) == GEN_CREATED
    return has_not_begun and source.gi_frame.f_globals is vars(flask.templating)

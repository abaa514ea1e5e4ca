"""Flask's contexts, taken along to the event loop and to workers beside it.

From Flask 2.2 on contexts are contextvars: a task and a copied context have them. Before, they are
on stacks of the running thread or greenlet. Then they are pushed for a while, and popped.
"""

from __future__ import annotations

import contextvars
from functools import partial
from typing import Any, Awaitable, Callable, Generator

import flask.globals


def with_contexts(awaitable: Awaitable[Any]) -> Awaitable[Any]:
    """The same awaitable. It runs inside the contexts that are entered here."""
    return awaitable if _ARE_CONTEXTVARS else ContextAwaitable(awaitable)


def bind_contexts(work: Callable[[], None]) -> Callable[[], None]:
    """The same function. Called elsewhere, it runs inside the contexts that are entered here."""
    context = contextvars.copy_context()
    return partial(context.run, work if _ARE_CONTEXTVARS else partial(Contexts().around, work))


def around_here() -> Callable[[Callable[[], Any]], Any]:
    """A caller of functions. Elsewhere, it calls them inside the contexts that are entered here."""
    return _call if _ARE_CONTEXTVARS else Contexts().around


def _call(work: Callable[[], Any]) -> Any:
    return work()


_ARE_CONTEXTVARS = hasattr(flask.globals, "app_ctx")

if not _ARE_CONTEXTVARS:
    from flask import _app_ctx_stack, _request_ctx_stack  # type: ignore


class Contexts:
    """The contexts on top of the stacks here, to be pushed elsewhere for a while."""

    def __init__(self) -> None:
        self._app = _app_ctx_stack.top
        self._request = _request_ctx_stack.top

    def around(self, work: Callable[[], Any]) -> Any:
        """Call ``work`` inside these contexts."""
        _app_ctx_stack.push(self._app)
        _request_ctx_stack.push(self._request)
        try:
            return work()
        finally:
            _request_ctx_stack.pop()
            _app_ctx_stack.pop()


class ContextAwaitable:
    """An awaitable inside the contexts that are entered here. It has them while it runs, and not
    while it waits: then its thread runs the tasks of other streams.

    Before Werkzeug 2, a task that it starts has none of these contexts.
    """

    def __init__(self, awaitable: Awaitable[Any]) -> None:
        self._awaitable = awaitable
        self._contexts = Contexts()

    def __await__(self) -> Generator[Any, Any, Any]:
        steps: Any = self._awaitable.__await__()
        step = partial(steps.send, None)
        while True:
            try:
                awaited = self._contexts.around(step)
            except StopIteration as end:
                return end.value
            try:
                step = partial(steps.send, (yield awaited))
            except BaseException as error:
                step = partial(steps.throw, error)

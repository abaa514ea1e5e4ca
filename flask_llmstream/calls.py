"""The application's functions as they are called: plain ones, and ``async def``.

Roof: Flask. Flask itself has an asynchronous one run by asgiref, which two patched greenlets of a
thread can't use at once; and 1.1 has no way at all. Here they run on the one event loop.
"""

from __future__ import annotations

from collections.abc import Coroutine
from functools import partial
from inspect import signature
from typing import Any, Callable

from flask import Flask, current_app, got_request_exception, has_app_context

from .loop_context import around_here

_WRAPS = "_async_wrapper" in signature(got_request_exception.send).parameters
"""Whether whoever sends a signal says how its asynchronous receivers are run: blinker from 1.6."""

_BY_FLASK = ("ensure_sync", "async_to_sync")


def called(function: Callable[..., Any], *arguments: Any, **keywords: Any) -> Any:
    """What a function of the application's gives; who calls waits for an asynchronous one.

    It runs inside the contexts that are entered here. An application that says by itself how such
    a function is run, by its ``ensure_sync`` or ``async_to_sync``, has it run so.
    """
    answer = as_the_app_runs(function)(*arguments, **keywords)
    return loop_call(answer).wait() if isinstance(answer, Coroutine) else answer


def producing(function: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """The function of a ``create()``, to be called with its emitter. An asynchronous one is
    cancelled when the stream is ended by somebody else."""

    def produce(emitter: Any) -> Any:
        answer = as_the_app_runs(function)(emitter)
        if isinstance(answer, Coroutine):
            call = loop_call(answer)
            emitter.on_cancel(call.cancel)
            call.wait()

    return produce


def sent(signal: Any, sender: Any, **keywords: Any) -> None:
    """Send a signal to its receivers, asynchronous ones among them."""
    runs: Any = {"_async_wrapper": _waiting} if _WRAPS else {}
    for _, answer in signal.send(sender, **runs, **keywords) or ():
        if isinstance(answer, Coroutine):  # before blinker 1.6
            loop_call(answer).wait()


def _waiting(receiver: Callable[..., Any]) -> Callable[..., Any]:
    return partial(called, receiver)


def as_the_app_runs(function: Callable[..., Any]) -> Callable[..., Any]:
    """The function, or what an application that has its own way makes of it."""
    if has_app_context():
        app: Any = current_app
        app = app._get_current_object()
        if any(name in vars(app) or _is_replaced(type(app), name) for name in _BY_FLASK):
            plain: Callable[..., Any] = app.ensure_sync(function)
            return plain
    return function


def _is_replaced(kind: type, name: str) -> bool:
    return getattr(kind, name, None) is not getattr(Flask, name, None)


def loop_call(coroutine: Any) -> Any:
    """A coroutine as a call that is still to be waited for."""
    from .loop_call import LoopCall  # asyncio is loaded with the first of them

    return LoopCall(coroutine, around_here())

"""The application's functions as they are called: plain ones, and ``async def``.

Roof: Flask. Flask itself has an asynchronous one run by asgiref, which two patched greenlets of a
thread can't use at once; and 1.1 has no way at all. Here they run on the one event loop.
"""

from __future__ import annotations

from collections.abc import Coroutine
from functools import partial
from inspect import signature
from typing import Any, Callable, Optional

from flask import Flask, current_app, got_request_exception, has_app_context

from .asyncio_context import around_here

_WRAPS = "_async_wrapper" in signature(got_request_exception.send).parameters
"""Whether whoever sends a signal says how its asynchronous receivers are run: blinker from 1.6."""

_BY_FLASK = ("ensure_sync", "async_to_sync")


def called(function: Callable[..., Any], *arguments: Any, **keywords: Any) -> Any:
    """What a function of the application's gives; who calls waits for an asynchronous one.

    It runs inside the contexts that are entered here. An application that says by itself how such
    a function is run, by its ``ensure_sync`` or ``async_to_sync``, has it run so.
    """
    answer = function(*arguments, **keywords)
    return _result(answer) if isinstance(answer, Coroutine) else answer


def producing(function: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """The function of a ``create()``, to be called with its emitter. An asynchronous one is
    cancelled when the stream is ended by somebody else."""

    def produce(emitter: Any) -> None:
        answer = function(emitter)
        if isinstance(answer, Coroutine):
            _result(answer, emitter.on_cancel)

    return produce


def sent(signal: Any, sender: Any, **keywords: Any) -> None:
    """Send a signal to its receivers, asynchronous ones among them."""
    runs: Any = {"_async_wrapper": _waiting} if _WRAPS else {}
    for _, answer in signal.send(sender, **runs, **keywords) or ():
        if isinstance(answer, Coroutine):  # before blinker 1.6
            _result(answer)


def _waiting(receiver: Callable[..., Any]) -> Callable[..., Any]:
    return partial(called, receiver)


def _result(coroutine: Any, on_cancel: Callable[[Any], Any] = bool) -> Any:
    """Run what has not begun yet.

    :param on_cancel: takes what is to be called when nobody wants the result any more.
    """
    run = _way_of_the_app()
    if run is not None:
        return run(partial(_awaited, coroutine))()
    from ..runtime.event_loop.call import LoopCall  # asyncio is loaded with the first of them

    call = LoopCall(coroutine, around_here())
    on_cancel(call.cancel)
    return call.wait()


def _way_of_the_app() -> Optional[Callable[..., Any]]:
    """How an application runs asynchronous functions that does it in its own way."""
    if not has_app_context():
        return None
    app: Any = current_app
    app = app._get_current_object()
    if any(name in vars(app) or _is_replaced(type(app), name) for name in _BY_FLASK):
        own: Callable[..., Any] = app.ensure_sync
        return own
    return None


def _is_replaced(kind: type, name: str) -> bool:
    return getattr(kind, name, None) is not getattr(Flask, name, None)


async def _awaited(coroutine: Any) -> Any:
    return await coroutine

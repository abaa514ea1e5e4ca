"""Calls the application's functions: plain ones, and ``async def``.

Flask runs an asynchronous function by asgiref, which two patched greenlets of one thread can't use
at a time. Flask 1.1 can't run one at all. Here they run on the one event loop.
"""

from __future__ import annotations

from collections.abc import Coroutine
from functools import partial
from inspect import signature
from typing import Any, Callable, Optional

from flask import Flask, current_app, got_request_exception, has_app_context

from .asyncio_context import around_here

_WRAPS = "_async_wrapper" in signature(got_request_exception.send).parameters
"""Whether ``send`` takes a way to run asynchronous receivers: blinker from 1.6 on."""

_BY_FLASK = ("ensure_sync", "async_to_sync")


def called(function: Callable[..., Any], *arguments: Any, **keywords: Any) -> Any:
    """Call a function of the application's. The caller waits for an asynchronous one.

    An asynchronous function runs inside the contexts that are entered here. An application with an
    ``ensure_sync`` or ``async_to_sync`` of its own runs it in that way.

    :returns: its result.
    """
    answer = function(*arguments, **keywords)
    return _result(answer) if isinstance(answer, Coroutine) else answer


def producing(function: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """The function of a ``create()``, to be called with its emitter. An asynchronous one is
    cancelled when something else ends the stream."""

    def produce(emitter: Any) -> None:
        answer = function(emitter)
        if isinstance(answer, Coroutine):
            _result(answer, emitter.on_cancel)

    return produce


def sent(signal: Any, sender: Any, **keywords: Any) -> None:
    """Send a signal to its receivers, plain and asynchronous ones."""
    runs: Any = {"_async_wrapper": _waiting} if _WRAPS else {}
    for _, answer in signal.send(sender, **runs, **keywords) or ():
        if isinstance(answer, Coroutine):  # before blinker 1.6
            _result(answer)


def _waiting(receiver: Callable[..., Any]) -> Callable[..., Any]:
    return partial(called, receiver)


def _result(coroutine: Any, on_cancel: Callable[[Any], Any] = bool) -> Any:
    """Run a coroutine that has not begun, and return its result.

    :param on_cancel: registers a function to call when the result is not wanted any more.
    """
    run = _way_of_the_app()
    if run is not None:
        return run(partial(_awaited, coroutine))()
    from ..runtime.event_loop.call import LoopCall  # asyncio is loaded with the first of them

    call = LoopCall(coroutine, around_here())
    on_cancel(call.cancel)
    return call.wait()


def _way_of_the_app() -> Optional[Callable[..., Any]]:
    """The application's own way to run asynchronous functions; ``None`` where it has none."""
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

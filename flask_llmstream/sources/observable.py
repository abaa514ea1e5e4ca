"""An Observable (of RxPY, or like one) as a function of ``create()``: it pushes into an emitter.

RxPY is not imported.
"""

from __future__ import annotations

from threading import get_ident
from typing import Any, Callable, Optional, Protocol, runtime_checkable

from gevent.monkey import is_module_patched

from ..errors import StreamClosed, UnsendableItem
from ..stream.options import StreamOptions
from .emitter import Emitter


@runtime_checkable
class Observable(Protocol):
    """An object with ``subscribe`` and ``pipe``. Many other objects have only ``subscribe``."""

    @property
    def subscribe(self) -> Callable[..., Any]:
        """Takes ``on_next``, ``on_error``, ``on_completed``; returns what has ``dispose()``."""

    @property
    def pipe(self) -> Callable[..., Any]:
        """Takes operators."""


def where_its_threads_are(options: StreamOptions) -> StreamOptions:
    """These options, with the one worker that an Observable can have.

    In a patched process the threads of its schedulers are greenlets, which need the hub. In any
    other process RxPY runs all subscriptions on one thread. If one waits for its reader there, the
    next can't start. So each has a thread of its own.
    """
    return options.merged(worker="auto" if is_module_patched("threading") else "thread")


class Subscriber:
    """Subscribes an emitter, and disposes of the subscription at the stream's end."""

    def __init__(self, observable: Observable) -> None:
        self._observable = observable
        self._emitter: Any = None
        self._subscribing: Optional[int] = None

    def __call__(self, emitter: Emitter) -> None:
        """Subscribe. Returns when ``subscribe()`` does, which may push everything first."""
        self._emitter = emitter
        self._subscribing = get_ident()
        subscription = self._observable.subscribe(self._next, self._fail, emitter.complete)
        self._subscribing = None
        emitter.on_dispose(subscription.dispose)

    def _next(self, item: Any) -> None:
        try:
            self._emitter.send(item)
        except (StreamClosed, UnsendableItem):  # the stream has ended, and reports why
            # Inside subscribe() only an exception ends an endless Observable: there is no
            # subscription yet to dispose of.
            if self._subscribing == get_ident():
                raise

    def _fail(self, error: Any) -> None:
        is_exception = isinstance(error, BaseException)
        self._emitter.fail(error if is_exception else RuntimeError(str(error)))

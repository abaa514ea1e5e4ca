"""An Observable (RxPY's, or what looks like one) as what ``create()`` calls with an emitter.

Floor 3. Nothing of RxPY's is imported.
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
    """What can be subscribed to and piped; much that is no Observable can be the former."""

    @property
    def subscribe(self) -> Callable[..., Any]:
        """Takes ``on_next``, ``on_error`` and ``on_completed``; gives what has ``dispose()``."""

    @property
    def pipe(self) -> Callable[..., Any]:
        """Takes operators."""


def where_its_threads_are(options: StreamOptions) -> StreamOptions:
    """These options, with the one worker that will do, whatever they say.

    What an Observable's schedulers call threads are greenlets in a patched process, which need the
    hub. In any other, RxPY queues what is subscribed to on one thread: behind a subscription that
    waits for room there, the next would wait as well.
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
        except (StreamClosed, UnsendableItem):  # the stream has ended, and knows why
            # From inside subscribe() nothing but an exception ends an endless Observable: nobody
            # has its subscription yet.
            if self._subscribing == get_ident():
                raise

    def _fail(self, error: Any) -> None:
        is_exception = isinstance(error, BaseException)
        self._emitter.fail(error if is_exception else RuntimeError(str(error)))

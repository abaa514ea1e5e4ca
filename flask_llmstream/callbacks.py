"""``Callbacks``: who is to be told of what happens to a stream.

Floor 2: gevent, for its original lock.
"""

from __future__ import annotations

import logging
from functools import partial
from typing import Any, Callable, Dict, List, Optional, Tuple, TypeVar

from gevent.monkey import get_original

_log = logging.getLogger("flask_llmstream")
_allocate_lock = get_original("_thread", "allocate_lock")

Callback = TypeVar("Callback", bound=Callable[..., Any])


class Callbacks:
    """Who is to be told of what; each is told once, one that raises harms nobody."""

    def __init__(self) -> None:
        self._lock = _allocate_lock()
        self._waiting: Dict[str, List[Callable[..., Any]]] = {}
        self._called: Dict[str, Optional[Tuple[Any, ...]]] = {}

    def has(self, kind: str) -> bool:
        """Whether somebody waits for it."""
        return bool(self._waiting.get(kind))

    def add(self, kind: str, callback: Callback) -> Callback:
        """Have it called, at once when that is over."""
        with self._lock:
            if kind not in self._called:
                self._waiting.setdefault(kind, []).append(callback)
                return callback
            arguments = self._called[kind]
        if arguments is not None:
            callback(*arguments)
        return callback

    def forget(self, *kinds: str) -> None:
        """Let go of who waits for these: what has not been told by now never is."""
        with self._lock:
            for kind in kinds:
                self._called.setdefault(kind, None)
                self._waiting.pop(kind, None)

    def call(self, kind: str, *arguments: Any) -> None:
        """Call all of a kind, in their order."""
        self.called_with(kind, *arguments)()

    def called_with(self, kind: str, *arguments: Any) -> Callable[[], None]:
        """What calls all of a kind, which has come now: who is late for it calls by itself."""
        with self._lock:
            self._called[kind] = arguments
            callbacks = self._waiting.pop(kind, [])
        return partial(_call_all, kind, callbacks, arguments)


def _call_all(kind: str, callbacks: List[Callable[..., Any]], arguments: Tuple[Any, ...]) -> None:
    for callback in callbacks:
        try:
            callback(*arguments)
        except BaseException:  # gevent's own are none of Exception's
            _log.exception("an on_%s callback failed", kind)

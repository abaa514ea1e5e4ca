"""``Callbacks``: who is to be told of what happens to a stream.

Floor 2: gevent, for its original lock.
"""

from __future__ import annotations

import logging
from typing import Any, Callable, Dict, List, TypeVar

from gevent.monkey import get_original

_log = logging.getLogger("flask_llmstream")
_allocate_lock = get_original("_thread", "allocate_lock")

Callback = TypeVar("Callback", bound=Callable[..., Any])


class Callbacks:
    """Who is to be told of what; each is told once, one that raises harms nobody."""

    def __init__(self) -> None:
        self._lock = _allocate_lock()
        self._waiting: Dict[str, List[Callable[..., Any]]] = {}
        self._called: Dict[str, Any] = {}

    def has(self, kind: str) -> bool:
        """Whether somebody waits for it."""
        return bool(self._waiting.get(kind))

    def add(self, kind: str, callback: Callback) -> Callback:
        """Have it called, at once when that is over."""
        with self._lock:
            late = kind in self._called
            if not late:
                self._waiting.setdefault(kind, []).append(callback)
        if late:
            callback(*self._called[kind])
        return callback

    def call(self, kind: str, *arguments: Any) -> None:
        """Call all of a kind, in their order."""
        with self._lock:
            self._called[kind] = arguments
            callbacks = self._waiting.pop(kind, [])
        for callback in callbacks:
            try:
                callback(*arguments)
            except BaseException:  # gevent's own are none of Exception's
                _log.exception("an on_%s callback failed", kind)

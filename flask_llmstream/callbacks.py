"""``Callbacks``: who is to be told of what happens to a stream.

Floor 2: gevent, for its original lock.
"""

from __future__ import annotations

from functools import partial
from typing import Any, Callable, Dict, List, Optional, Tuple, TypeVar

from gevent.monkey import get_original

from .handling import while_handling
from .log import log

_allocate_lock = get_original("_thread", "allocate_lock")

Callback = TypeVar("Callback", bound=Callable[..., Any])
Tell = Callable[[List[Callable[..., Any]]], None]


class Callbacks:
    """Who is to be told of what; each is told once, one that raises harms nobody."""

    def __init__(self) -> None:
        self._lock = _allocate_lock()
        self._waiting: Dict[str, List[Callable[..., Any]]] = {}
        self._told: Dict[str, Optional[Tell]] = {}

    def has(self, kind: str) -> bool:
        """Whether somebody waits for it."""
        return bool(self._waiting.get(kind))

    def add(self, kind: str, callback: Callback) -> Callback:
        """Have it called, at once when that is over."""
        with self._lock:
            if kind not in self._told:
                self._waiting.setdefault(kind, []).append(callback)
                return callback
            tell = self._told[kind]
        if tell is not None:
            tell([callback])
        return callback

    def forget(self, *kinds: str) -> None:
        """Let go of who waits for these: what has not been told by now never is."""
        with self._lock:
            for kind in kinds:
                self._told.setdefault(kind, None)
                self._waiting.pop(kind, None)

    def call(self, kind: str, error: Optional[BaseException], *arguments: Any) -> None:
        """Call all of a kind, in their order, as where ``error`` was caught, if there is one."""
        self.called_with(kind, error, *arguments)()

    def called_with(
        self, kind: str, error: Optional[BaseException], *arguments: Any
    ) -> Callable[[], None]:
        """What calls all of a kind, which has come now: who is late for it calls by itself."""
        tell = partial(_tell, kind, error, arguments)
        with self._lock:
            self._told[kind] = tell
            callbacks = self._waiting.pop(kind, [])
        return partial(tell, callbacks)


def _tell(
    kind: str,
    error: Optional[BaseException],
    arguments: Tuple[Any, ...],
    callbacks: List[Callable[..., Any]],
) -> None:
    while_handling(error, partial(_call_all, kind, callbacks, arguments))


def _call_all(kind: str, callbacks: List[Callable[..., Any]], arguments: Tuple[Any, ...]) -> None:
    for callback in callbacks:
        log.isolated(partial(callback, *arguments), "an on_%s callback failed", kind)

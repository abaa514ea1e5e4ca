"""``Callbacks``: who is to be told of what happens to a stream.

Floor 2: standard library only.
"""

from __future__ import annotations

from functools import partial
from typing import Any, Callable, Dict, List, Optional, Tuple, TypeVar

from ..exceptions.handling import while_handling
from ..log import log
from ..runtime.atomic import try_pop

Callback = TypeVar("Callback", bound=Callable[..., Any])
Entry = List[Callable[..., Any]]
"""Holds one callback until somebody takes it, who calls it."""
Tell = Callable[[List[Entry]], None]
Call = Callable[..., Any]


def apply(function: Callable[..., Any], *arguments: Any) -> Any:
    """Call a function as it is."""
    return function(*arguments)


class Callbacks:
    """Who is to be told of what; each is told once, one that raises harms nobody.

    Without a lock, for it is called from anywhere: by a signal's handler, or by garbage collection,
    also in the middle of itself.

    :param call: calls a callback, which may be asynchronous, with its arguments.
    """

    def __init__(self, call: Call = apply) -> None:
        self._call = call
        self._waiting: Dict[str, List[Entry]] = {}
        self._told: Dict[str, Optional[Tell]] = {}

    def has(self, kind: str) -> bool:
        """Whether somebody waits for it."""
        return bool(self._waiting.get(kind))

    def add(self, kind: str, callback: Callback) -> Callback:
        """Have it called, at once when that is over.

        :raises TypeError: it can't be called.
        """
        if not callable(callback):
            raise TypeError(f"callback: has to be callable, not {type(callback).__name__}")
        entry: Entry = [partial(self._call, callback)]
        if kind not in self._told:
            self._waiting.setdefault(kind, []).append(entry)
        if kind in self._told:  # before, or meanwhile
            tell = self._told[kind]
            if tell is not None:
                tell([entry])
        return callback

    def forget(self, *kinds: str) -> None:
        """Let go of who waits for these: what has not been told by now never is."""
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
        self._told[kind] = tell  # before the look at who waits; ``add`` looks the other way round
        return partial(tell, self._waiting.pop(kind, []))


def _tell(
    kind: str,
    error: Optional[BaseException],
    arguments: Tuple[Any, ...],
    waiting: List[Entry],
) -> None:
    while_handling(error, partial(_call_all, kind, waiting, arguments))


def _call_all(kind: str, waiting: List[Entry], arguments: Tuple[Any, ...]) -> None:
    for entry in waiting:
        callback = try_pop(entry)
        if callback is not None:
            log.isolated(partial(callback, *arguments), "an on_%s callback failed", kind)

"""``Callbacks``: the callbacks that an emitter's owner has registered for its stream."""

from __future__ import annotations

from functools import partial
from typing import Any, Callable, Dict, List, Optional, Tuple, TypeVar

from ..exceptions.handling import while_handling
from ..log import log
from ..runtime.atomic import try_pop

Callback = TypeVar("Callback", bound=Callable[..., Any])
Entry = List[Callable[..., Any]]
"""Holds one callback. Who takes it out calls it."""
Tell = Callable[[List[Entry]], None]
Call = Callable[..., Any]


def apply(function: Callable[..., Any], *arguments: Any) -> Any:
    """Call a function as it is."""
    return function(*arguments)


class Callbacks:
    """The callbacks of one stream, by kind. Each is called once. One that raises does not stop the
    others.

    There is no lock: a signal's handler or garbage collection may call these methods, also in the
    middle of another call.

    :param call: calls a callback, plain or asynchronous, with its arguments. Default: as it is.
    """

    def __init__(self, call: Call = apply) -> None:
        self._call = call
        self._waiting: Dict[str, List[Entry]] = {}
        self._told: Dict[str, Optional[Tell]] = {}

    def has(self, kind: str) -> bool:
        """Whether a callback of this kind waits."""
        return bool(self._waiting.get(kind))

    def add(self, kind: str, callback: Callback) -> Callback:
        """Register a callback. It is called at once where its moment is over.

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
        """Drop the callbacks of these kinds. They are never called."""
        for kind in kinds:
            self._told.setdefault(kind, None)
            self._waiting.pop(kind, None)

    def call(self, kind: str, error: Optional[BaseException], *arguments: Any) -> None:
        """Call all of a kind in order, inside an ``except`` of ``error`` if there is one."""
        self.called_with(kind, error, *arguments)()

    def called_with(
        self, kind: str, error: Optional[BaseException], *arguments: Any
    ) -> Callable[[], None]:
        """The function that calls all of a kind. From now on ``add`` calls a late one itself."""
        tell = partial(_tell, kind, error, arguments)
        self._told[kind] = tell  # before the look at the waiting; ``add`` looks in the other order
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

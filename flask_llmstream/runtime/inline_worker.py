"""``InlineWorker``: the worker of a stream whose producer is the code that made it."""

from __future__ import annotations

from typing import Any, Callable, Iterable


class InlineWorker:
    """Runs nothing beside its caller: what is to be run waits for :meth:`run`.

    :param name: the name of the source in the log.
    """

    __slots__ = ("_run",)

    def __init__(self, name: str) -> None:
        self._run: Callable[[], None] = _nothing

    def start(self, run: Callable[[], None]) -> None:
        """Keep ``run`` for later."""
        self._run = run

    def give_turn(self) -> None:
        """Nothing to do: the caller is the producer."""

    def run(self) -> None:
        """Run what was kept, here. Once."""
        run, self._run = self._run, _nothing
        run()

    def drive(self, source: Iterable[Any], deliver: Callable[[Any], None]) -> None:
        """Deliver each item of the source."""
        for item in source:
            deliver(item)

    def stop(self, abort: Callable[[], None]) -> None:
        """Nothing interrupts the caller. It hears of the end by the callbacks of its emitter."""
        abort()


def _nothing() -> None:
    """Nothing was started, or it has been run."""

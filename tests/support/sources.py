"""Sources that wait until the test lets them go on."""

from __future__ import annotations

from typing import Any, Iterator, List

from tests.support.runtimes import Place


class Waiting:
    """Gives ``one``, waits until it is stopped or may go on, and gives ``two``.

    :ivar waits: set when it waits.
    :ivar go_on: the event for which it waits; the test sets it.
    :ivar closed: has one ``True`` for each time its ``finally`` ran.
    """

    def __init__(self, place: Place) -> None:
        self.waits = place.for_reader()
        self.go_on = place.for_producer()
        self.closed: List[bool] = []

    def __iter__(self) -> Iterator[str]:
        try:
            yield "one"
            self.waits.set()
            self.go_on.wait()
            yield "two"
        finally:
            self.closed.append(True)


class Stalled:
    """Gives all its items while its reader reads nothing. Then it waits.

    :ivar gave: set when it has given all items, or was stopped.
    :ivar go_on: the event for which it waits; the test sets it.
    :ivar closed: whether its ``finally`` ran.
    """

    def __init__(self, place: Place, *items: Any) -> None:
        self._items = items
        self.gave = place.for_reader()
        self.go_on = place.for_producer()
        self.closed = False

    def __iter__(self) -> Iterator[Any]:
        try:
            yield from self._items
            self.gave.set()
            self.go_on.wait()
        finally:
            self.closed = True
            self.gave.set()

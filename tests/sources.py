"""Sources whose waiting is in the test's hands."""

from __future__ import annotations

from typing import Iterator, List

from tests.places import Place


class Waiting:
    """Gives ``one``, waits until it is stopped or told to go on, and gives ``two``.

    :ivar waits: set when it waits.
    :ivar go_on: what it waits for.
    :ivar closed: whether its ``finally`` ran, and how often.
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

"""``Foreign``: a WSGI app that makes its answers by hand, without this package."""

from __future__ import annotations

from typing import Any, Callable, Dict, Iterable, Iterator, List, Tuple

from tests.support.runtimes import Place

EVENT_STREAM = ("Content-Type", "text/event-stream")


class Foreign:
    """An app that answers each request with these blocks.

    :param blocks: an iterable, or a function that makes one.
    :param headers: the headers of the answer. Default: those of an event stream.
    :ivar closed: set when an answer's iterable was closed.
    :ivar times_closed: how often that happened.
    """

    def __init__(
        self, place: Place, blocks: Any, *headers: Tuple[str, str], status: str = "200 OK"
    ) -> None:
        self.closed = place.for_reader()
        self.times_closed = 0
        self._blocks = blocks
        self._start: Tuple[str, List[Tuple[str, str]]] = status, list(headers) or [EVENT_STREAM]

    def __call__(
        self, environ: Dict[str, Any], start_response: Callable[..., Any]
    ) -> Iterable[bytes]:
        start_response(*self._start)
        return _Answer(self, self._blocks() if callable(self._blocks) else self._blocks)


class _Answer:
    """An iterable that is its own iterator, as PEP 3333 allows."""

    def __init__(self, app: Foreign, blocks: Iterable[bytes]) -> None:
        self._app = app
        self._blocks = iter(blocks)

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        return next(self._blocks)

    def close(self) -> None:
        self._app.times_closed += 1
        self._app.closed.set()


class Pausing:
    """An iterable of blocks that waits at each ``None`` among them.

    :ivar waits: set when it waits.
    :ivar go_on: the event for which it waits; the test sets it.
    """

    def __init__(self, place: Place, *blocks: Any) -> None:
        self.waits = place.for_reader()
        self.go_on = place.for_producer()
        self._blocks = blocks

    def __iter__(self) -> Iterator[bytes]:
        for block in self._blocks:
            if block is None:
                self.waits.set()
                self.go_on.wait()
            else:
                yield block

"""``Pump``: iterates a source on a worker of its own, so that its consumer can wait for a time."""

from __future__ import annotations

from collections import deque
from functools import partial
from time import monotonic
from typing import Any, Callable, Deque, Iterator, NoReturn, Optional, Tuple

from gevent import GreenletExit

from ..log import log
from ..runtime.runtime import Runtime, runtime_of_the_caller
from ..stream.endable import close_source
from .asyncio_context import bind_contexts
from .pacing import Pacer

MOST_WAITING = 256
"""The most items that wait for the consumer. Then the source waits."""


class Pump:
    """The source's side. It has one consumer.

    :param source: an iterable. The worker iterates and closes it.
    :param name: the name of the source in the log.
    """

    def __init__(self, source: Any, name: str) -> None:
        self.name = name
        self._source = source
        self._items: Deque[Tuple[Any, float]] = deque()
        self._error: Optional[BaseException] = None
        self._is_over = False
        self._is_stopped = False
        self._worker: Any = None
        self._readable: Any = None
        self._writable: Any = None

    # Called by the consumer.

    def start(self, runtime: Runtime) -> None:
        """Begin the iteration, in the contexts of the caller."""
        wakeup = runtime.shared(runtime.writable).readable  # any thread may stop it
        self._readable, self._writable = wakeup(), wakeup()
        worker = runtime.worker(self.name)
        worker.start(bind_contexts(partial(self._run, worker)))
        self._worker = worker  # before the look at the stop; ``stop`` looks in the other order
        if self._is_stopped:
            self.stop()

    def take(self, accept: Callable[[Any, float], None]) -> bool:
        """Take all items that wait, each with the time when it came.

        :returns: whether the source goes on.
        """
        goes_on = not self._is_over  # before the items: they are complete where it is over
        while self._items:
            accept(*self._items.popleft())
        self._writable.set()
        return goes_on

    def wait(self, seconds: Optional[float]) -> None:
        """Wait until an item comes, the source ends, or the time runs out."""
        self._readable.wait(seconds)

    @property
    def has_failed(self) -> bool:
        """Whether the source ended with an exception."""
        return self._error is not None

    def raise_error(self) -> NoReturn:
        """Raise the exception with which the source ended."""
        error: Any = self._error
        self._error = None
        try:
            raise error
        finally:
            del error  # its traceback holds this frame

    def finish(self) -> None:
        """Stop the source, and wait until it is closed."""
        if self._worker is None:
            return
        if not self._is_over:
            self.stop()
        while not self._is_over:
            self._readable.wait(None)
        self._readable.close()

    # Called from anywhere.

    def stop(self) -> None:
        """Stop the source where it waits, as a stream would. Returns at once."""
        self._is_stopped = True
        if self._worker is not None:
            self._worker.stop(self._abort)
            self._writable.set()

    def _abort(self) -> None:
        abort = getattr(self._source, "abort", None)
        if abort is not None:
            log.isolated(abort, "%s failed when it was aborted", self.name)

    # Called on the worker.

    def _run(self, worker: Any) -> None:
        iterator: Any = None
        try:
            if self._is_stopped:
                raise GreenletExit
            iterator = iter(self._source)
            worker.drive(iterator, self._put)
        except BaseException as error:
            if not (self._is_stopped and isinstance(error, GreenletExit)):
                self._error = error
        finally:
            if iterator is not self._source:
                close_source(iterator, self.name)
            close_source(self._source, self.name)
            self._writable.close()
            self._is_over = True
            self._readable.set()

    def _put(self, item: Any) -> None:
        while len(self._items) >= MOST_WAITING:
            if self._is_stopped:
                raise GreenletExit
            self._writable.wait()
        self._items.append((item, monotonic()))
        self._readable.set()


class PumpedItems:
    """The items of a source, as a pacer gives them. It is iterated once.

    :param source: an iterable.
    :param name: the name of the source in the log.
    """

    def __init__(self, source: Any, name: str, pacer: Pacer) -> None:
        self._source = source
        self._pump = Pump(source, name)
        self._pacer = pacer
        self._is_iterated = False
        self.__qualname__ = name  # the name in the log

    def __iter__(self) -> Iterator[Any]:
        if self._is_iterated:
            raise RuntimeError(f"smooth: {self.__qualname__} is iterated already")
        self._is_iterated = True
        return self._items()

    @property
    def model(self) -> Any:
        """The model that the source says it chose."""
        return getattr(self._source, "model", None)

    def abort(self) -> None:
        """End the wait of the source, from any thread."""
        self._pump.stop()

    def close(self) -> None:
        """Close the source, if it was never iterated. The iteration itself closes it otherwise."""
        if not self._is_iterated:
            close_source(self._source, self.__qualname__)

    def _items(self) -> Iterator[Any]:
        pump, pacer = self._pump, self._pacer
        try:
            pump.start(runtime_of_the_caller())
            while pump.take(pacer.take):
                yield from pacer.due(monotonic())
                pump.wait(pacer.seconds_until_due(monotonic()))
            yield from self._rest()
        finally:
            pump.finish()

    def _rest(self) -> Iterator[Any]:
        """What waits when the source has ended: in its time after a good end, else at once."""
        if self._pump.has_failed:
            yield from self._pacer.all()
            self._pump.raise_error()
        self._pacer.finish()
        while not self._pacer.is_empty:
            yield from self._pacer.due(monotonic())
            self._pump.wait(self._pacer.seconds_until_due(monotonic()) or 0)

"""The greenlets of producers. One that was not waited on is used again, as to start one is costly.

From Python 3.11 on the frames of a greenlet are in memory of its own, which the kernel gives and
takes: that costs as much as all the rest of a short stream's producer.

A greenlet is also a name: ``threading.local`` of a patched process and locks know it. So it serves
again only where nobody can tell: it has run to its end in one turn, which its reader gave it, and
nothing that refers to it was left behind. Any other greenlet ends with its producer.
"""

from __future__ import annotations

from sys import getrefcount
from typing import Any, Callable, Optional
from weakref import getweakrefcount

from gevent import get_hub, getcurrent
from greenlet import greenlet

from .per_hub import PerHub

Begin = Callable[[], Any]
"""Runs a producer on its greenlet, to its end. Returns the greenlet that has given it its own turn,
and waits for its end; ``None``: nobody does."""


class ProducerGreenlet(greenlet):  # type: ignore[misc]
    """A greenlet as ``gevent.spawn_raw`` makes it, without the notes about its ancestors."""

    __slots__ = ()

    @property
    def loop(self) -> Any:
        """The loop of its hub, by which ``gevent.kill`` reaches it."""
        return get_hub().loop


class _Spare:
    """One greenlet that waits for its next producer, or none.

    :param hub: the hub that it belongs to.
    """

    __slots__ = ("waiting", "_hub")

    def __init__(self, hub: Any) -> None:
        self.waiting: Optional[ProducerGreenlet] = None
        self._hub = hub

    def take(self) -> ProducerGreenlet:
        """A greenlet that nobody uses: this one, or a new one."""
        taken, self.waiting = self.waiting, None
        return taken or ProducerGreenlet(_serve, self._hub)  # false: somebody has ended it


_spare_of = PerHub(_Spare)


def producer_greenlet(hub: Any) -> ProducerGreenlet:
    """A greenlet of this hub. A ``switch`` to it with a :data:`Begin` runs a producer."""
    return _spare_of(hub).take()


def spare_greenlet() -> Optional[ProducerGreenlet]:
    """The greenlet that waits for its next producer on the current thread's hub, if one does."""
    return _spare_of(get_hub()).waiting


def _serve(begin: Begin) -> None:
    while True:
        known = getrefcount(getcurrent())
        giver = begin()
        del begin  # it holds the stream
        if giver is None:
            return
        spare = _spare_of(get_hub())
        if spare.waiting is not None or not _is_unknown(known):
            getcurrent().parent = giver  # a greenlet that ends switches to its parent
            return
        spare.waiting = getcurrent()
        spare.waiting.gr_context = None
        del spare
        # Until the next producer this keeps the giver's greenlet, be it at its end.
        begin, giver = giver.switch(), None


def _is_unknown(known: int) -> bool:
    """Whether nothing that the producer has run refers to the current greenlet.

    :param known: how many referred to it before. Its worker did, and has let it go since.
    """
    current = getcurrent()
    # Here one refers to it more: ``current``.
    return getrefcount(current) == known and not getweakrefcount(current)


LOOP = _serve.__code__
"""The code of the frame that producers share, one after the other."""

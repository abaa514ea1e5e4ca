"""The hub's turn, given by time, by loops that may never wait.

Floor 2: gevent. A read from a socket that always has something returns at once, and so does a send
that always finds room. A loop of these would keep the hub from all others, also from telling that
nobody wants its result any more.
"""

from __future__ import annotations

import time
from typing import Any, Callable, Optional, Tuple

import gevent
from gevent import getcurrent

from .event_loop.greenlet import loop_greenlet
from .per_hub import PerHub

TURN_SECONDS = 0.005
"""How long the hub may be held."""

_ONE_ROUND = 1e-6
"""Other greenlets run after ``gevent.sleep(0)``, too, but up to 50 in a row before the hub looks at
its sockets. Behind a timer, however short, it has looked."""

_hub_if_exists = gevent._hub_local.get_hub_if_exists


class Turn:
    """How long one hub has been held.

    :ivar now: the hub's clock.
    :ivar begins: when the hub last had its turn, by that clock.
    :ivar ends: when it is to have the next.
    :ivar round: which of the hub's rounds that was.
    """

    __slots__ = ("now", "begins", "ends", "round", "hub")

    def __init__(self, hub: Any) -> None:
        self.hub = hub
        self.now = _clock_of(hub.loop)
        self.begins = self.ends = 0.0
        self.round: Optional[int] = None

    def end(self, round: Optional[int]) -> Tuple[float, float, int]:
        """Have the hub go round, unless it has done so since the caller's turn began.

        Where it has, the caller has waited for something: others may have held the hub since, but
        to wait once more would only cost.

        :param round: in which one the caller's turn began; ``None``: it has had none.
        :returns: when the next one begins and ends, and its round.
        :raises GreenletExit: the caller was stopped meanwhile.
        """
        loop = self.hub.loop
        # libev counts; libuv has -1 always. Its clock would not do: a timer that is started, by a
        # ``gevent.Timeout``, say, sets it anew.
        if loop.iteration == round and getcurrent() is not self.hub:
            gevent.sleep(_ONE_ROUND)
        self.begins, self.round = loop.now(), loop.iteration
        self.ends = self.begins + TURN_SECONDS
        return self.begins, self.ends, self.round


turn_of = PerHub(Turn)
"""The current turn of a hub."""


def take_turn() -> None:
    """What each round of such a loop calls: once the hub was held for 5 ms, it has its turn.

    On a thread without a hub there is nothing to do; the event loop has its turn like a hub.
    """
    on_loop = loop_greenlet()
    if on_loop is not None:
        on_loop.give_way()
        return
    hub = _hub_if_exists()
    if hub is not None:
        turn = turn_of(hub)
        moment = turn.now()
        if not turn.begins <= moment <= turn.ends:
            turn.end(turn.round)


def _clock_of(loop: Any) -> Callable[[], float]:
    """The clock that ``loop.now()`` reads: libev's is the wall's, libuv's is monotonic."""
    return min((time.time, time.monotonic), key=lambda clock: abs(clock() - loop.now()))

"""The hub's turn: a loop that may never wait lets the hub run, after 5 ms at the latest.

A read from a socket that always has data returns at once, and so does a send that always finds
room. A loop of these would keep the hub from all other greenlets, and from noticing that nobody
wants the loop's result any more.
"""

from __future__ import annotations

import time
from typing import Any, Callable, Optional, Tuple

import gevent
from gevent import getcurrent

from .event_loop.greenlet import loop_greenlet
from .per_hub import PerHub

TURN_SECONDS = 0.005
"""How long the hub may be held without a turn."""

_ONE_ROUND = 1e-6
"""Seconds to sleep for one round of the hub. After ``gevent.sleep(0)`` up to 50 other greenlets run
before the hub looks at its sockets. Before any timer fires, it has looked."""

_hub_if_exists = gevent._hub_local.get_hub_if_exists


class Turn:
    """How long one hub has been held since its last turn.

    :ivar now: returns the time of the hub's clock.
    :ivar begins: when the hub last had its turn, by that clock.
    :ivar ends: when the hub must have its next turn.
    :ivar round: the number of the hub's round in which ``begins`` was.
    """

    __slots__ = ("now", "begins", "ends", "round", "hub")

    def __init__(self, hub: Any) -> None:
        self.hub = hub
        self.now = _clock_of(hub.loop)
        self.begins = self.ends = 0.0
        self.round: Optional[int] = None

    def renew(self) -> Tuple[float, float, int]:
        """Begin a turn here: the caller has just been switched to.

        The greenlets before it may have held the hub for longer than a turn. But they have ended or
        wait, and the hub goes on where this one does so, too.

        :returns: as of :meth:`end`.
        """
        return self._begin_at(self.now())

    def end(self, round: Optional[int]) -> Tuple[float, float, int]:
        """Let the hub go round, unless it has done so since the caller's turn began.

        If it has, the caller has waited for something since. Others may have held the hub after
        that, but one more wait of the caller would only cost.

        :param round: the round in which the caller's turn began; ``None``: it has had no turn.
        :returns: when the caller's next turn begins and ends, and its round.
        :raises GreenletExit: the caller was stopped meanwhile.
        """
        loop = self.hub.loop
        # libev counts its rounds; libuv always has -1. The loop's clock can't tell rounds apart:
        # the start of a timer (by a ``gevent.Timeout``, say) updates it.
        if loop.iteration == round and getcurrent() is not self.hub:
            gevent.sleep(_ONE_ROUND)
        return self._begin_at(loop.now())

    def _begin_at(self, moment: float) -> Tuple[float, float, int]:
        self.begins, self.ends = moment, moment + TURN_SECONDS
        self.round = self.hub.loop.iteration
        return self.begins, self.ends, self.round


turn_of = PerHub(Turn)
"""The current turn of a hub."""


def take_turn() -> None:
    """Let the hub run if it was held for 5 ms. Such a loop calls this in each of its rounds.

    The event loop gets its turn at each call. On a thread without a hub or a loop there is nothing
    to do.
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
    """The clock that ``loop.now()`` reads: the wall clock in libev, a monotonic one in libuv."""
    return min((time.time, time.monotonic), key=lambda clock: abs(clock() - loop.now()))

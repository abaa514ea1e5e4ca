"""What a test may leave behind, counted: greenlets, threads, descriptors, slots, hub watchers."""

from __future__ import annotations

import gc
import os
import threading
from collections import Counter
from time import monotonic
from typing import Any, List, Set

import greenlet
from gevent import get_hub
from gevent.hub import Hub

from flask_llmstream.admission import Slots

GRACE = 5
"""Seconds that what has been told to end may take to do so."""

LASTING = {"llmstream-stalls"}
"""Threads that are one a process, and end some time after the last that needed them."""

TURN = 0.02
"""Seconds that a thread and the hub are waited for in turn, as one may need the other."""


class Leftovers:
    """What there is when this is made, to be compared with what there is later.

    Objects that exist already are hidden from the garbage collector's list, so that it only has
    what is new. Made and asked on the main thread, whose hub it runs meanwhile.
    """

    def __init__(self) -> None:
        self._hub = get_hub()
        gc.collect()
        gc.freeze()
        self._watchers = self._hub.loop.activecnt
        self._threads = _threads()
        self._descriptors = _descriptors()

    def still_there(self) -> List[str]:
        """What is new since, given a moment to end."""
        self._wait()
        left = [repr(one) for one in self._new_threads()]
        left += [repr(one) for one in _greenlets()]
        left += [f"{slots.taken} slots" for slots in _alive(Slots) if slots.taken]
        left += [f"descriptor of {of}" for of in (_descriptors() - self._descriptors).elements()]
        watchers = self._hub.loop.activecnt - self._watchers
        return left + [f"{watchers} timers or watchers of the hub"] * (watchers > 0)

    def _wait(self) -> None:
        deadline = monotonic() + GRACE
        while monotonic() < deadline:
            for thread in self._new_threads():
                thread.join(TURN)
            self._hub.join(TURN)
            if self._hub.loop.activecnt <= self._watchers and not self._new_threads():
                return

    def _new_threads(self) -> Set[threading.Thread]:
        return _threads() - self._threads


def _threads() -> Set[threading.Thread]:
    return {thread for thread in threading.enumerate() if thread.name not in LASTING}


def _alive(kind: Any) -> List[Any]:
    # By its type: a dead weak proxy can't be asked for its class.
    return [one for one in gc.get_objects() if issubclass(type(one), kind)]


def _greenlets() -> List[Any]:
    """Those that run or wait; the hubs and what each thread itself runs on are none of them."""
    found = _alive(greenlet.greenlet)
    return [one for one in found if one and one.parent is not None and not isinstance(one, Hub)]


def _descriptors() -> "Counter[str]":
    open_now: Counter[str] = Counter()
    for descriptor in os.listdir("/proc/self/fd"):
        try:
            open_now[os.readlink(f"/proc/self/fd/{descriptor}")] += 1
        except FileNotFoundError:  # the one that listed them
            continue
    return open_now

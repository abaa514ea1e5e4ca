"""``LeakCheck``: finds greenlets, threads, tasks, descriptors, slots or watchers left by a test."""

from __future__ import annotations

import asyncio
import gc
import os
import threading
from collections import Counter
from time import monotonic
from typing import Any, List, Set

import greenlet
from gevent import get_hub
from gevent.hub import Hub

from flask_llmstream.runtime.event_loop.loop import event_loop
from flask_llmstream.stream.limits import StreamLimiter

GRACE = 5
"""Seconds that a greenlet, thread or task may take to end after it was told to."""

LASTING = {"llmstream-asyncio", "llmstream-stalls"}
"""Threads that a process keeps. They end some time after their last use, or never."""

# Frozen objects are hidden from gc.get_referrers(), too. By that greenlet decides whether anything
# refers to the greenlet object of an ended thread; if it finds nothing, it frees it.
greenlet._greenlet.enable_optional_cleanup(False)

TURN = 0.02
"""Seconds to wait for a thread and for the hub in turn, as each may need the other."""


class LeakCheck:
    """Compares the process before and after a test.

    Existing objects are hidden from the garbage collector's list, so that the list has only new
    ones. It is made and asked on the main thread, whose hub it runs while it waits.
    """

    def __init__(self) -> None:
        self._hub = get_hub()
        gc.collect()
        gc.freeze()
        self._watchers = self._hub.loop.activecnt
        self._threads = _threads()
        self._tasks = asyncio.all_tasks(event_loop())
        self._descriptors = _descriptors()

    def leaks(self) -> List[str]:
        """A line for each leak. New objects get a moment to end."""
        self._wait()
        if self._new_descriptors():
            gc.collect()
            self._wait()  # each is closed on its own hub
        left = [repr(one) for one in self._new_threads()]
        left += [repr(one) for one in _greenlets()]
        left += [repr(task) for task in self._new_tasks()]
        left += [f"{slots.taken} slots" for slots in _alive(StreamLimiter) if slots.taken]
        left += [f"descriptor of {of}" for of in self._new_descriptors().elements()]
        watchers = self._hub.loop.activecnt - self._watchers
        return left + [f"{watchers} timers or watchers of the hub"] * (watchers > 0)

    def _wait(self) -> None:
        deadline = monotonic() + GRACE
        while monotonic() < deadline:
            for thread in filter(threading.Thread.is_alive, self._new_threads()):
                thread.join(TURN)
            self._hub.join(TURN)
            if not self._is_busy():
                return
            if self._new_descriptors():
                gc.collect()  # else the other end of a connection in a cycle waits in vain

    def _is_busy(self) -> bool:
        watchers = self._hub.loop.activecnt > self._watchers
        return watchers or bool(self._new_threads()) or bool(self._new_tasks())

    def _new_descriptors(self) -> "Counter[str]":
        """An app or a traceback in a cycle may hold some, such as a provider's connections."""
        return _descriptors() - self._descriptors

    def _new_tasks(self) -> Set["asyncio.Task[Any]"]:
        return asyncio.all_tasks(event_loop()) - self._tasks

    def _new_threads(self) -> Set[threading.Thread]:
        return _threads() - self._threads


def _threads() -> Set[threading.Thread]:
    """The threads of the standard library, without its dummies: it can't wait for these."""
    ours = (one for one in threading.enumerate() if not isinstance(one, threading._DummyThread))
    return {thread for thread in ours if thread.name.split("_")[0] not in LASTING}


def _alive(kind: Any) -> List[Any]:
    # By type(): a dead weak proxy has no __class__.
    return [one for one in gc.get_objects() if issubclass(type(one), kind)]


def _greenlets() -> List[Any]:
    """The greenlets that run or wait, without the hubs and the main greenlet of each thread."""
    found = _alive(greenlet.greenlet)
    running = [one for one in found if one and one.parent and not isinstance(one, Hub)]
    # In a patched process the loop's executor keeps greenlets, as it keeps threads elsewhere.
    return [one for one in running if "llmstream-asyncio" not in repr(one)]


def _descriptors() -> "Counter[str]":
    open_now: Counter[str] = Counter()
    for descriptor in os.listdir("/proc/self/fd"):
        try:
            open_now[os.readlink(f"/proc/self/fd/{descriptor}")] += 1
        except FileNotFoundError:  # the one that listed them
            continue
    return open_now

"""Name look-ups that take nobody's place: on native threads of their own, bounded in number.

Floor 2: gevent. A look-up can't be interrupted; one whose name servers are silent lasts for half a
minute. gevent has ten threads for all that wait, and an executor of asyncio's some more: a few such
look-ups, of readers who have long left, would stop all the others.
"""

from __future__ import annotations

import copy
import errno
import os
import socket
from contextlib import suppress
from functools import partial
from typing import Any, Callable, List, Optional, Tuple

from gevent.monkey import get_original

from .threads import allocate_lock, start_native_thread

MOST = 64
"""Look-ups at a time; more wait in line."""

MOST_PER_NAME = 2
"""Of one name. The second is for whom has come after somebody gave the first one up."""

Question = Tuple[Any, ...]
"""What ``socket.getaddrinfo`` is called with."""
Found = List[Tuple[Any, ...]]
"""What it returns."""


class Lookup:
    """One look-up, shared by all who ask the same meanwhile.

    :ivar question: what is looked up.
    """

    def __init__(self, question: Question) -> None:
        self.question = question
        self.waiting: List[Callable[[], None]] = []
        self.is_given_up = False
        self._found: Found = []
        self._error: Optional[BaseException] = None

    @property
    def name(self) -> Any:
        """Whose address is looked for."""
        return self.question[0]

    def run(self) -> None:
        """Make it. Blocks for as long as it takes."""
        try:
            self._found = _getaddrinfo()(*self.question)
        except BaseException as error:
            self._error = error

    def fail(self, error: BaseException) -> None:
        """Have it raise this, as it can't be made."""
        self._error = error

    def result(self) -> Found:
        """What was found, once it has ended; raises what the look-up raised."""
        if self._error is not None:
            raise copy.copy(self._error)  # as several may raise it, each with its own traceback
        return list(self._found)


class Lookups:
    """The look-ups under way. None of the methods blocks.

    :param most: how many there may be at a time.
    :param most_per_name: how many of one name.
    """

    def __init__(self, most: int = MOST, most_per_name: int = MOST_PER_NAME) -> None:
        self._most = most
        self._most_per_name = most_per_name
        self._lock = allocate_lock()  # held for a few steps of this class
        self._begun: List[Lookup] = []
        self._line: List[Lookup] = []

    def ask(self, question: Question, tell: Callable[[], None]) -> Lookup:
        """Have something looked up.

        :param question: the arguments of ``socket.getaddrinfo``.
        :param tell: called once it has ended, on its thread. Must not block or raise.
        """
        with self._lock:
            lookup = self._shared(question)
            if lookup is None:
                lookup = Lookup(question)
                self._line.append(lookup)
            lookup.waiting.append(tell)
        self._begin()
        return lookup

    def give_up(self, lookup: Lookup, tell: Callable[[], None]) -> None:
        """Wait for it no more. It goes on, but who asks from now on need not wait for it."""
        with self._lock:
            lookup.is_given_up = True
            with suppress(ValueError):  # it has just ended
                lookup.waiting.remove(tell)
            if not lookup.waiting and lookup in self._line:
                self._line.remove(lookup)

    def _shared(self, question: Question) -> Optional[Lookup]:
        same = [one for one in self._begun + self._line if one.question == question]
        fresh = [one for one in same if not one.is_given_up or one in self._line]
        return fresh[-1] if fresh else None

    def _begin(self) -> None:
        for lookup in iter(self._next, None):
            try:
                start_native_thread(partial(self._run, lookup), "llmstream-lookup")
            except RuntimeError as error:  # no thread is to be had
                lookup.fail(OSError(errno.EAGAIN, str(error)))
                self._end(lookup)

    def _next(self) -> Optional[Lookup]:
        """The next of the line that may begin, begun."""
        with self._lock:
            if len(self._begun) >= self._most:
                return None
            names = [one.name for one in self._begun]
            for lookup in self._line:
                if names.count(lookup.name) < self._most_per_name:
                    self._line.remove(lookup)
                    self._begun.append(lookup)
                    return lookup
            return None

    def _end(self, lookup: Lookup) -> None:
        with self._lock:
            self._begun.remove(lookup)
            waiting, lookup.waiting = lookup.waiting, []
        for tell in waiting:
            tell()

    # On a thread.

    def _run(self, first: Lookup) -> None:
        lookup: Optional[Lookup] = first
        while lookup is not None:
            lookup.run()
            self._end(lookup)
            lookup = self._next()


def _getaddrinfo() -> Callable[..., Found]:
    """The one that the application has put in its place, if it has; gevent's would wait for one of
    its ten threads."""
    current: Any = socket.getaddrinfo
    if str(getattr(current, "__module__", "")).startswith("gevent."):
        current = get_original("socket", "getaddrinfo")
    return current  # type: ignore[no-any-return]


_lookups = Lookups()


def lookups() -> Lookups:
    """Those of the process."""
    return _lookups


def _forget_lookups() -> None:
    """A forked child has none of its parent's threads."""
    global _lookups
    _lookups = Lookups()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_lookups)

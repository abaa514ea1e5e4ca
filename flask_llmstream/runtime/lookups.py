"""Name look-ups on native threads of their own, bounded in number.

A look-up can't be interrupted. If the name servers are silent, it lasts for half a minute. gevent
has ten threads for everything that blocks, an executor of asyncio some more: a few such look-ups,
for readers who have long left, would stop everything else there.
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
"""The most look-ups at a time. More wait in line."""

MOST_PER_NAME = 2
"""The most look-ups of one name. The second is for callers that come after a caller gave up the
first."""

Question = Tuple[Any, ...]
"""The arguments of ``socket.getaddrinfo``."""
Found = List[Tuple[Any, ...]]
"""The result of ``socket.getaddrinfo``."""


class Lookup:
    """One look-up, shared by all callers that ask the same question meanwhile.

    :ivar question: the arguments of ``socket.getaddrinfo``.
    :ivar waiting: the callbacks of the callers that wait for it.
    :ivar is_given_up: whether a caller has given it up.
    """

    def __init__(self, question: Question) -> None:
        self.question = question
        self.waiting: List[Callable[[], None]] = []
        self.is_given_up = False
        self._found: Found = []
        self._error: Optional[BaseException] = None

    @property
    def name(self) -> Any:
        """The host whose address is looked up."""
        return self.question[0]

    def run(self) -> None:
        """Look the name up. Blocks until that has ended."""
        try:
            self._found = _getaddrinfo()(*self.question)
        except BaseException as error:
            self._error = error

    def fail(self, error: BaseException) -> None:
        """Let :meth:`result` raise an error, as no look-up can be made."""
        self._error = error

    def result(self) -> Found:
        """The addresses. Call it after the end.

        :raises Exception: a copy of the look-up's error.
        """
        if self._error is not None:
            raise copy.copy(self._error)  # several callers raise it, each with its own traceback
        return list(self._found)


class Lookups:
    """The look-ups under way. None of the methods blocks.

    :param most: the most look-ups at a time.
    :param most_per_name: the most look-ups of one name at a time.
    """

    def __init__(self, most: int = MOST, most_per_name: int = MOST_PER_NAME) -> None:
        self._most = most
        self._most_per_name = most_per_name
        self._lock = allocate_lock()  # held for a few steps of this class
        self._begun: List[Lookup] = []
        self._line: List[Lookup] = []

    def ask(self, question: Question, done: Callable[[], None]) -> Lookup:
        """Begin a look-up, or share one that is under way.

        :param question: the arguments of ``socket.getaddrinfo``.
        :param done: called when the look-up has ended, on its thread. Must not block or raise.
        """
        with self._lock:
            lookup = self._shared(question)
            if lookup is None:
                lookup = Lookup(question)
                self._line.append(lookup)
            lookup.waiting.append(done)
        self._begin()
        return lookup

    def give_up(self, lookup: Lookup, done: Callable[[], None]) -> None:
        """Wait for a look-up no more. It goes on, but later callers do not share it.

        :param done: the callback that :meth:`ask` got. It is not called any more.
        """
        with self._lock:
            lookup.is_given_up = True
            with suppress(ValueError):  # the look-up has just ended
                lookup.waiting.remove(done)
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
            except RuntimeError as error:  # no thread can be started
                lookup.fail(OSError(errno.EAGAIN, str(error)))
                self._end(lookup)

    def _next(self) -> Optional[Lookup]:
        """Begin the next look-up of the line that may begin; ``None`` where none may."""
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
        for done in waiting:
            done()

    # On a thread.

    def _run(self, first: Lookup) -> None:
        lookup: Optional[Lookup] = first
        while lookup is not None:
            lookup.run()
            self._end(lookup)
            lookup = self._next()


def _getaddrinfo() -> Callable[..., Found]:
    """``socket.getaddrinfo``, or the function that the application has put in its place. gevent's
    own would wait for one of its ten threads."""
    current: Any = socket.getaddrinfo
    if str(getattr(current, "__module__", "")).startswith("gevent."):
        current = get_original("socket", "getaddrinfo")
    return current  # type: ignore[no-any-return]


_lookups = Lookups()


def lookups() -> Lookups:
    """The look-ups of this process."""
    return _lookups


def _forget_lookups() -> None:
    """A forked child has no thread of its parent's."""
    global _lookups
    _lookups = Lookups()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_lookups)

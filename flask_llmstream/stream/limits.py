"""``StreamLimiter``: how many streams run in this process, how many may, and how many of one
client's.

Floor 2. There is no waiting line: who finds no slot is told when to come back, before anything
starts.
"""

from __future__ import annotations

import os
from itertools import repeat
from typing import Any, Callable, Dict, Hashable, Iterator, List, Optional
from weakref import WeakKeyDictionary, WeakSet, WeakValueDictionary, ref

from ..errors import StreamRefused
from ..runtime.atomic import try_pop
from ..runtime.mutex import Mutex
from .stream import Stream

RETRY_AFTER = 1
"""Seconds that a refused client is asked to wait: a slot may be free the next moment."""


def _nobody() -> Hashable:
    """Whose a request is where clients are not told apart."""
    return None


class Places:
    """So many places, each for one at a time. Each step is atomic, so that a place can be given
    back from anywhere: in a signal's handler, or by garbage collection in the middle of a step.

    :param limit: how many there are; 0: any number.
    """

    __slots__ = ("_new", "_given_back", "__weakref__")

    def __init__(self, limit: int) -> None:
        self._new: Iterator[int] = iter(range(limit)) if limit else repeat(0)
        self._given_back: List[bool] = []

    def take(self) -> bool:
        """Take one; ``False`` where none is free."""
        if try_pop(self._given_back):
            return True
        if next(self._new, None) is not None:
            return True
        # It may have come meanwhile, and nothing new is left for good.
        return try_pop(self._given_back) is not None

    def give_back(self) -> None:
        """Let another have it."""
        self._given_back.append(True)


class StreamLimiter:
    """The streams that run.

    What tells clients apart is the application's code, and runs in :meth:`acquire` alone.

    :param limit: the most at a time; 0: any number.
    :param per_client: the most of one client's at a time; 0: any number.
    :param client_key: tells in a view whose request it is; ``None``: nobody's, without a limit.
    :param owner: refers to the extension object whose streams they are. Default: to none.
    """

    def __init__(
        self,
        limit: int,
        per_client: int = 0,
        client_key: Callable[[], Hashable] = _nobody,
        owner: "Optional[ref[Any]]" = None,
    ) -> None:
        self._limit = limit
        self._per_client = per_client
        self._client_key = client_key
        self._owner = owner
        self._begin()
        _all.add(self)

    def _begin(self) -> None:
        self._places, self._nobodys = Places(self._limit), Places(0)
        self._streams: Dict[Stream, Places] = {}  # with those of whoever's it is
        self._admitted: WeakKeyDictionary[Stream, bool] = WeakKeyDictionary()
        self._of_client: WeakValueDictionary[Hashable, Places] = WeakValueDictionary()
        self._mutex = Mutex()
        self._is_closed = False

    def belongs_to(self, owner: object) -> bool:
        """Are its streams those of this object, or nobody's?"""
        return self._owner is None or self._owner() is owner

    @property
    def taken(self) -> int:
        """How many streams run now."""
        return len(self._streams)

    @property
    def streams(self) -> List[Stream]:
        """Those that run now."""
        return list(self._streams)

    @property
    def still_read(self) -> List[Stream]:
        """Those that somebody reads, or has yet to take the end of: also past their slot."""
        admitted = [reference() for reference in self._admitted.keyrefs()]
        return [one for one in admitted if one is not None and one.sink.is_read]

    def client(self) -> Hashable:
        """Whose the current request is; ``None`` where that makes no difference."""
        return self._client_key() if self._per_client else None

    def acquire(self, stream: Stream, client: Hashable = None) -> Optional[StreamRefused]:
        """Take a slot, or get what the client is told where there is none. Waits for nobody's slot.

        :raises Exception: what telling clients apart has raised; no slot is taken.
        """
        if self._is_closed:
            return self._shut_down()
        places = self._nobodys if client is None else self._places_of(client)
        if not places.take():
            return self._too_many() if self._is_full else self._too_many_of_one()
        if not self._places.take():
            places.give_back()
            return self._too_many()
        self._admitted[stream] = True
        self._streams[stream] = places  # before the look; who closes looks the other way round
        return self._refused_after_all(stream)

    def _refused_after_all(self, stream: Stream) -> Optional[StreamRefused]:
        if not self._is_closed:
            return None
        self.release(stream)
        return self._shut_down()

    def release(self, stream: Stream) -> None:
        """Give a stream's slot back. From anywhere; harmless when called again."""
        places = self._streams.pop(stream, None)  # a parent's, where a child's copy ends
        if places is not None:
            places.give_back()
            self._places.give_back()

    def _places_of(self, client: Hashable) -> Places:
        # The client's own ``__hash__`` and ``__eq__`` may wait for something.
        self._mutex.acquire()
        try:
            return self._of_client.setdefault(client, Places(self._per_client))
        finally:
            self._mutex.release()

    @property
    def _is_full(self) -> bool:
        return bool(self._limit) and len(self._streams) >= self._limit

    def close(self) -> None:
        """Refuse every stream from here on: the server is being shut down."""
        self._is_closed = True

    def begin_anew(self) -> List[Stream]:
        """Be as in a process that has served nothing, in a forked child.

        :returns: the streams that ran, which are the parent's.
        """
        streams = self.streams
        for stream in streams:
            stream.disown()
        self._begin()
        return streams

    @staticmethod
    def _shut_down() -> StreamRefused:
        message = "The server is being restarted. Try again in a moment."
        return StreamRefused(message, code="shutdown", retry_after=RETRY_AFTER)

    @staticmethod
    def _too_many() -> StreamRefused:
        message = "Too many answers are being streamed. Try again in a moment."
        return StreamRefused(message, retry_after=RETRY_AFTER)

    @staticmethod
    def _too_many_of_one() -> StreamRefused:
        message = "You have too many answers being streamed. Let one of them end first."
        return StreamRefused(message, status=429, retry_after=RETRY_AFTER)


_all: "WeakSet[StreamLimiter]" = WeakSet()
"""Those of this process, which is drained as a whole, and no app is at hand then."""


def every_slots(owner: Optional[object] = None) -> List[StreamLimiter]:
    """Those of this process, or those of one extension object and what belongs to none."""
    return [slots for slots in _all if owner is None or slots.belongs_to(owner)]


_of_the_parent: List[Stream] = []
"""Kept, as a generator that is freed runs its ``finally``, and that is for the parent to do."""


def _begin_anew() -> None:
    for slots in _all:
        _of_the_parent.extend(slots.begin_anew())


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_begin_anew)

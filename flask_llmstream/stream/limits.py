"""``StreamLimiter``: how many streams may run in this process, and how many of one client.

There is no waiting line. A request that finds no slot is refused before anything starts, and is
told when to come back.
"""

from __future__ import annotations

import os
from typing import Any, Callable, Dict, Hashable, List, Optional, Set
from weakref import WeakSet, WeakValueDictionary, ref

from ..errors import StreamRefused
from ..runtime.mutex import Mutex
from ..runtime.places import Places
from .stream import Stream

RETRY_AFTER = 1
"""Seconds after which a refused client may ask again. A slot may be free the next moment."""


def _nobody() -> Hashable:
    """The default ``client_key``: no request has a client's key, so no client has a limit."""
    return None


class StreamLimiter:
    """Knows the streams that run, and gives each a slot.

    The key of a client may have a ``__hash__`` and an ``__eq__`` of its own. Only :meth:`acquire`
    runs them.

    :param limit: the most streams at a time; 0: any number.
    :param per_client: the most streams of one client at a time; 0: any number.
    :param client_key: returns, in a view, the key of the request's client; ``None``: no limit.
    :param owner: refers to the extension object that the streams belong to. Default: to none.
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
        self._places = Places(self._limit)
        self._streams: Dict[Stream, Optional[Places]] = {}  # with the places of its client
        self._admitted: "Set[ref[Stream]]" = set()  # each removes itself, when its stream is freed
        self._of_client: WeakValueDictionary[Hashable, Places] = WeakValueDictionary()
        self._mutex = Mutex()
        self._is_closed = False

    def belongs_to(self, owner: object) -> bool:
        """Whether its streams belong to this object, or to none."""
        return self._owner is None or self._owner() is owner

    @property
    def taken(self) -> int:
        """How many streams run."""
        return len(self._streams)

    @property
    def streams(self) -> List[Stream]:
        """The streams that run."""
        return list(self._streams)

    @property
    def still_read(self) -> List[Stream]:
        """The streams whose readers have not had the end yet. Some have given their slot back."""
        admitted = [reference() for reference in self._admitted.copy()]
        return [one for one in admitted if one is not None and one.sink.is_read]

    def client(self) -> Hashable:
        """The key of the current request's client; ``None`` where clients have no limit."""
        return self._client_key() if self._per_client else None

    def reader(self) -> Hashable:
        """As :meth:`client`, for a request that reads what is kept. A client's readers have places
        beside its producers': else the answer that it began would keep it from coming back."""
        client = self.client()
        return None if client is None else ("reader", client)

    def acquire(self, stream: Stream, client: Hashable = None) -> Optional[StreamRefused]:
        """Take a slot. Does not wait for one.

        :returns: the refusal, where there is none; else ``None``.
        :raises Exception: raised by the client's key. No slot is taken then.
        """
        if self._is_closed:
            return self._shut_down()
        places = None if client is None else self._places_of(client)
        if places is not None and not places.take():
            return self._too_many() if self._is_full else self._too_many_of_one()
        if not self._places.take():
            if places is not None:
                places.give_back()
            return self._too_many()
        self._admitted.add(ref(stream, self._admitted.discard))
        self._streams[stream] = places  # first this: ``close`` looks in the other order
        return self._refused_after_all(stream)

    def _refused_after_all(self, stream: Stream) -> Optional[StreamRefused]:
        if not self._is_closed:
            return None
        self.release(stream)
        return self._shut_down()

    def release(self, stream: Stream) -> None:
        """Give a stream's slot back. Anything may call it, and call it again."""
        try:
            places = self._streams.pop(stream)
        except KeyError:  # given back already, or a forked child's copy ends
            return
        if places is not None:
            places.give_back()
        self._places.give_back()

    def _places_of(self, client: Hashable) -> Places:
        # The key's own ``__hash__`` and ``__eq__`` may wait for something.
        self._mutex.acquire()
        try:
            return self._of_client.setdefault(client, Places(self._per_client))
        finally:
            self._mutex.release()

    @property
    def _is_full(self) -> bool:
        return bool(self._limit) and len(self._streams) >= self._limit

    def close(self) -> None:
        """Refuse all streams from now on: the server shuts down."""
        self._is_closed = True

    def begin_anew(self) -> List[Stream]:
        """In a forked child: be as new.

        :returns: the streams that ran. They are the parent's.
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
"""Those of this process. A process is drained as a whole, without an app at hand."""


def all_limiters(owner: Optional[object] = None) -> List[StreamLimiter]:
    """All limiters of this process, or those of one extension object and of none."""
    return [slots for slots in _all if owner is None or slots.belongs_to(owner)]


_of_the_parent: List[Stream] = []
"""Kept for ever in a forked child. To free such a generator would run its ``finally`` there."""


def _begin_anew() -> None:
    for slots in _all:
        _of_the_parent.extend(slots.begin_anew())


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_begin_anew)

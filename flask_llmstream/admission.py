"""``Slots``: how many streams run in this process, how many may, and how many of one client's.

Floor 2: gevent, for its original lock. There is no waiting line: who finds no slot is told when to
come back, before anything starts.
"""

from __future__ import annotations

import os
from typing import Callable, Dict, Hashable, List, Optional
from weakref import WeakSet

from gevent.monkey import get_original

from .errors import StreamRefused
from .stream import Stream

_allocate_lock = get_original("_thread", "allocate_lock")

RETRY_AFTER = 1
"""Seconds that a refused client is asked to wait: a slot may be free the next moment."""


def _nobody() -> Hashable:
    """Whose a request is where clients are not told apart."""
    return None


class Slots:
    """The streams that run.

    :param limit: the most at a time; 0: any number.
    :param per_client: the most of one client's at a time; 0: any number.
    :param client_key: tells in a view whose request it is; ``None``: nobody's, without a limit.
    """

    def __init__(
        self, limit: int, per_client: int = 0, client_key: Callable[[], Hashable] = _nobody
    ) -> None:
        self._limit = limit
        self._per_client = per_client
        self._client_key = client_key
        self._begin()
        _all.add(self)

    def _begin(self) -> None:
        self._lock = _allocate_lock()
        self._streams: Dict[Stream, Hashable] = {}
        self._admitted: WeakSet[Stream] = WeakSet()
        self._of_client: Dict[Hashable, int] = {}
        self._is_closed = False

    @property
    def taken(self) -> int:
        """How many streams run now."""
        return len(self._streams)

    @property
    def streams(self) -> List[Stream]:
        """Those that run now."""
        with self._lock:
            return list(self._streams)

    @property
    def read(self) -> List[Stream]:
        """Those that somebody reads, or has yet to take the end of: also past their slot."""
        with self._lock:
            return [stream for stream in self._admitted if stream.delivery.is_read]

    def client(self) -> Hashable:
        """Whose the current request is; ``None`` where that makes no difference."""
        return self._client_key() if self._per_client else None

    def acquire(self, stream: Stream, client: Hashable = None) -> Optional[StreamRefused]:
        """Take a slot, or get what the client is told where there is none. Never waits."""
        with self._lock:
            refusal = self._refusal(client)
            if refusal is None:
                self._streams[stream] = client
                self._admitted.add(stream)
                if client is not None:
                    self._of_client[client] = self._of_client.get(client, 0) + 1
            return refusal

    def release(self, stream: Stream) -> None:
        """Give a stream's slot back."""
        with self._lock:
            client = self._streams.pop(stream, None)  # a parent's, where a child's copy ends
            if client is not None:
                self._of_client[client] -= 1
                if not self._of_client[client]:
                    del self._of_client[client]

    def close(self) -> None:
        """Refuse every stream from here on: the server is being shut down."""
        self._is_closed = True

    def begin_anew(self) -> List[Stream]:
        """Be as in a process that has served nothing, in a forked child.

        :returns: the streams that ran, which are the parent's.
        """
        streams = list(self._streams)  # another thread may have held the lock, and is not here
        for stream in streams:
            stream.disown()
        self._begin()
        return streams

    def _refusal(self, client: Hashable) -> Optional[StreamRefused]:
        if self._is_closed:
            message = "The server is being restarted. Try again in a moment."
            return StreamRefused(message, code="shutdown", retry_after=RETRY_AFTER)
        if self._limit and len(self._streams) >= self._limit:
            message = "Too many answers are being streamed. Try again in a moment."
            return StreamRefused(message, retry_after=RETRY_AFTER)
        if client is not None and self._of_client.get(client, 0) >= self._per_client:
            message = "You have too many answers being streamed. Let one of them end first."
            return StreamRefused(message, status=429, retry_after=RETRY_AFTER)
        return None


_all: "WeakSet[Slots]" = WeakSet()
_of_the_parent: List[Stream] = []
"""Kept, as a generator that is freed runs its ``finally``, and that is for the parent to do."""


def _begin_anew() -> None:
    for slots in _all:
        _of_the_parent.extend(slots.begin_anew())


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_begin_anew)

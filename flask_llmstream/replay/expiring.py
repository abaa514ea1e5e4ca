"""``Expiring``: values by keys, each for the same time.

The oldest is the first of the dictionary, so what has expired is found without a search. Each step
is atomic, and no lock is needed.
"""

from __future__ import annotations

from typing import Any, Callable, Dict, Optional, Tuple


class Expiring:
    """Values by keys, each for the same time.

    :param seconds: how long a value is kept.
    :param most: the most values that are kept; the oldest makes room. 0: any number.
    :param clock: tells the time in seconds.
    """

    def __init__(self, seconds: float, most: int, clock: Callable[[], float]) -> None:
        self._seconds = seconds
        self._most = most
        self._clock = clock
        self._entries: Dict[str, Tuple[Any, float]] = {}  # the value, and when it expires

    def __len__(self) -> int:
        return len(self._entries)

    def add(self, key: str, value: Any) -> Optional[Any]:
        """Keep a value, unless there is one.

        :returns: the value that was there; ``None`` where this one is kept.
        """
        self.expire()
        self._make_room()
        made = value, self._clock() + self._seconds
        found = self._entries.setdefault(key, made)
        return None if found is made else found[0]

    def set(self, key: str, value: Any) -> None:
        """Keep a value in place of any other."""
        self._entries.pop(key, None)  # so that it becomes the last
        self.add(key, value)

    def get(self, key: str) -> Optional[Any]:
        """A value that is kept; ``None`` for none."""
        self.expire()
        found = self._entries.get(key)
        return None if found is None else found[0]

    def pop(self, key: str) -> Optional[Any]:
        """Forget a value, and return it."""
        found = self._entries.pop(key, None)
        return None if found is None else found[0]

    def pop_oldest(self) -> Optional[str]:
        """Forget the oldest value.

        :returns: its key; ``None`` where there is none.
        """
        key = self._oldest()
        return None if key is None or self._entries.pop(key, None) is None else key

    def expire(self) -> None:
        """Forget what has expired."""
        now = self._clock()
        while True:
            key = self._oldest()
            kept = None if key is None else self._entries.get(key)
            if kept is None or kept[1] > now:
                return
            self._entries.pop(key, None)  # type: ignore[arg-type]

    def _make_room(self) -> None:
        while self._most and len(self._entries) >= self._most:
            if self.pop_oldest() is None:
                return

    def _oldest(self) -> Optional[str]:
        try:
            return next(iter(self._entries), None)
        except RuntimeError:  # another thread changes it at this moment, and expires entries itself
            return None

"""``Pacer``: when each unit of a text is due. It has no clock. Standard library only, no I/O."""

from __future__ import annotations

from collections import deque
from itertools import groupby
from typing import Any, Deque, List, NamedTuple, Optional

from .text_units import Split

LONGEST_UNIT = 1000
"""The most characters of a unit. A longer one is cut."""


class _Waiting(NamedTuple):
    item: Any
    latest: float  # the time by which it must be given


class Pacer:
    """Spreads the units of a text evenly over ``delay``, in order, and none comes later than that.

    Times are in seconds, of any one clock. Items that are no text are given in their order, as they
    are.

    :param split: where a text may be cut.
    :param delay: the longest time from an item's arrival to the giving of its last character.
    """

    def __init__(self, split: Split, delay: float) -> None:
        self._split = split
        self._delay = delay
        self._waiting: Deque[_Waiting] = deque()
        self._rest = _Waiting("", 0.0)
        self._next_at = 0.0

    def take(self, item: Any, now: float) -> None:
        """Take an item that arrives now."""
        latest = now + self._delay
        if not _is_text(item):
            self.finish()
            self._waiting.append(_Waiting(item, latest))
            return
        rest, began = self._rest.item, self._rest.latest if self._rest.item else latest
        units, rest = self._split(rest + item)
        for unit in units:
            self._waiting.append(_Waiting(unit, began))
            began = latest
        self._rest = _Waiting(rest, began)
        if len(rest) > LONGEST_UNIT:  # it would be read again with each text that comes
            self.finish()

    def finish(self) -> None:
        """Let the rest of the text be a unit: nothing more of it comes."""
        if self._rest.item:
            self._waiting.append(self._rest)
            self._rest = _Waiting("", 0.0)

    def due(self, now: float) -> List[Any]:
        """Give the items that are due now. Texts in a row are joined."""
        if not self._waiting and self._rest.latest <= now:
            self.finish()
        waiting = self._waiting
        if not waiting or now < min(self._next_at, waiting[0].latest):
            return []
        items = [waiting.popleft().item]
        while waiting and waiting[0].latest <= now:
            items.append(waiting.popleft().item)
        if waiting:
            self._next_at = now + (waiting[-1].latest - now) / (len(waiting) + 1)
        return _joined(items)

    def seconds_until_due(self, now: float) -> Optional[float]:
        """Seconds until :meth:`due` gives something; ``None`` where nothing waits."""
        if self._waiting:
            return max(min(self._next_at, self._waiting[0].latest) - now, 0.0)
        return max(self._rest.latest - now, 0.0) if self._rest.item else None

    def all(self) -> List[Any]:
        """Give all that waits, at once."""
        self.finish()
        items = [waiting.item for waiting in self._waiting]
        self._waiting.clear()
        return _joined(items)

    @property
    def is_empty(self) -> bool:
        """Whether nothing waits."""
        return not self._waiting and not self._rest.item


def _joined(items: List[Any]) -> List[Any]:
    """The same items, with the texts in a row as one text."""
    joined: List[Any] = []
    for are_texts, row in groupby(items, key=_is_text):
        joined += ["".join(row)] if are_texts else row
    return joined


def _is_text(item: Any) -> bool:
    return isinstance(item, str)

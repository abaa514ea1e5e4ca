"""``Suspects``: who holds a hub again and again, and how often that is said.

Floor 1: standard library only.
"""

from __future__ import annotations

from collections import Counter, deque
from typing import Deque, Dict, Optional, Tuple

LOOKS = 10
"""The last so many looks count: some seconds, so that a short burst is nothing to tell of."""


class Suspects:
    """Those who were seen holding a hub.

    :param pause: seconds for which one is not told of again; then twice as many, and so on.
    :param looks: how many looks count.
    """

    def __init__(self, pause: float, looks: int = LOOKS) -> None:
        self._pause = pause
        self._looks = looks
        self._seen: Deque[Optional[str]] = deque(maxlen=looks)
        self._told: Dict[str, Tuple[float, float]] = {}  # when it may be again, and the pause then

    def saw(self, suspect: Optional[str]) -> float:
        """Keep what a look saw: ``None`` where the hub had its turn.

        :returns: the part of the last looks that saw this one; 0 while it is not most of them.
        """
        self._seen.append(suspect)
        times = 0 if suspect is None else Counter(self._seen)[suspect]
        return times / len(self._seen) if times > self._looks / 2 else 0.0

    def forget(self) -> None:
        """Nobody can hold it now. Who was told of stays so."""
        self._seen.clear()

    def may_tell(self, suspect: str, now: float) -> bool:
        """Whether one may be told of: the first time, and ever more rarely from then on."""
        again_at, pause = self._told.get(suspect, (now, self._pause))
        if now < again_at:
            return False
        self._told[suspect] = now + pause, pause * 2
        return True

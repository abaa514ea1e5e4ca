"""``Suspects``: which code holds a hub again and again, and how often the log may warn of it.

Standard library only.
"""

from __future__ import annotations

from collections import Counter, deque
from typing import Deque, Dict, Optional, Tuple

LOOKS = 10
"""How many of the last looks count: some seconds, so that a short burst causes no warning."""


class Suspects:
    """The names of code that was seen holding a hub.

    :param pause: seconds until the second warning of one suspect; then twice as long, and so on.
    :param looks: how many of the last looks count.
    """

    def __init__(self, pause: float, looks: int = LOOKS) -> None:
        self._pause = pause
        self._looks = looks
        self._seen: Deque[Optional[str]] = deque(maxlen=looks)
        self._warned: Dict[str, Tuple[float, float]] = {}  # when the next may come, and its pause

    def saw(self, suspect: Optional[str]) -> float:
        """Keep the result of a look.

        :param suspect: the name of the code that held the hub; ``None``: the hub had its turn.
        :returns: the share of the last looks that saw this suspect; 0 unless it is most of them.
        """
        self._seen.append(suspect)
        times = 0 if suspect is None else Counter(self._seen)[suspect]
        return times / len(self._seen) if times > self._looks / 2 else 0.0

    def forget(self) -> None:
        """Forget the looks, as no code can hold the hub now. Warnings are remembered."""
        self._seen.clear()

    def may_warn(self, suspect: str, now: float) -> bool:
        """Whether the log may warn of a suspect: the first time, and then ever more rarely."""
        again_at, pause = self._warned.get(suspect, (now, self._pause))
        if now < again_at:
            return False
        self._warned[suspect] = now + pause, pause * 2
        return True

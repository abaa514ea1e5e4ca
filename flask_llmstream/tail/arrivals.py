"""``Arrivals``: when the tokens of one answer came.

Pure: the caller's clock gives the times, in seconds.
"""

from __future__ import annotations

from typing import Optional

from .gaps import Gaps


class Arrivals:
    """When the tokens of one answer came. A token is an event with text.

    :ivar asked_at: when the request was made.
    :ivar first_at: when the first token came; ``None`` before it.
    :ivar last_at: when the newest token came; ``None`` before it.
    :ivar tokens: how many came.
    :ivar longest_gap: between two of them; 0 before the second.
    :ivar reconnects: how many connections were made after the first one.
    """

    def __init__(self, asked_at: float) -> None:
        self.asked_at = asked_at
        self.first_at: Optional[float] = None
        self.last_at: Optional[float] = None
        self.tokens = 0
        self.longest_gap = 0.0
        self.reconnects = 0
        self.gaps = Gaps()

    def token(self, at: float) -> None:
        """One more has come."""
        if self.last_at is None:
            self.first_at = at
        else:
            self.gaps.add(at - self.last_at)
            self.longest_gap = max(self.longest_gap, at - self.last_at)
        self.last_at = at
        self.tokens += 1

    @property
    def first_after(self) -> Optional[float]:
        """The time to the first token; ``None`` before it."""
        return None if self.first_at is None else self.first_at - self.asked_at

    @property
    def rate(self) -> Optional[float]:
        """Tokens a second, from the first to the newest; ``None`` where they took no time."""
        if self.first_at is None or self.last_at is None or self.last_at <= self.first_at:
            return None
        return (self.tokens - 1) / (self.last_at - self.first_at)

    def silent_for(self, now: float) -> float:
        """The time since the newest token, or since the request."""
        return now - (self.asked_at if self.last_at is None else self.last_at)

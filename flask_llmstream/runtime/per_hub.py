"""``PerHub``: what all that run on one hub share.

Floor 2: gevent.
"""

from __future__ import annotations

from typing import Any, Callable, Generic, TypeVar

from gevent.monkey import get_original

Shared = TypeVar("Shared")


class PerHub(Generic[Shared]):
    """Gives the same thing to all that run on one hub.

    :param make: makes it of a hub, for who asks first.
    """

    __slots__ = ("_make", "_of_thread")

    def __init__(self, make: Callable[[Any], Shared]) -> None:
        self._make = make
        self._of_thread: Any = get_original("_thread", "_local")()

    def __call__(self, hub: Any) -> Shared:
        """The one of this thread's hub."""
        mine = self._of_thread
        if getattr(mine, "hub", None) is not hub:  # none yet, or the one before was destroyed
            mine.shared, mine.hub = self._make(hub), hub
        shared: Shared = mine.shared
        return shared

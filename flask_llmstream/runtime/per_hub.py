"""``PerHub``: one object for each gevent hub, shared by everything that runs on it."""

from __future__ import annotations

from typing import Any, Callable, Generic, TypeVar

from gevent.monkey import get_original

Shared = TypeVar("Shared")


class PerHub(Generic[Shared]):
    """Returns the same object to every caller on one hub.

    :param make: makes the object for a hub, at the first call there.
    """

    __slots__ = ("_make", "_of_thread")

    def __init__(self, make: Callable[[Any], Shared]) -> None:
        self._make = make
        self._of_thread: Any = get_original("_thread", "_local")()

    def __call__(self, hub: Any) -> Shared:
        """The object of a hub, which must be the current thread's."""
        mine = self._of_thread
        if getattr(mine, "hub", None) is not hub:  # the first, or the one before was destroyed
            mine.shared, mine.hub = self._make(hub), hub
        shared: Shared = mine.shared
        return shared

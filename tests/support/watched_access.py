"""Watches the objects that the players of a play share, and reports each access to an explorer.

The explorer of ``tests.support.interleavings`` may let another player go on before the access.
"""

from __future__ import annotations

import _thread
from collections import deque
from contextlib import contextmanager
from typing import Any, Iterator, List, Optional

Explorer = Any
LOCK = type(_thread.allocate_lock())


class Wakeup:
    """A binary semaphore, like the package's own wakeups."""

    def __init__(self, explorer: Explorer) -> None:
        self.label = ("wakeup", explorer.label())
        self._explorer = explorer
        self._is_set = False
        explorer.remember(self.label, False)

    def set(self) -> None:
        self._explorer.access("wakeup", writes=True)
        self._is_set = True
        self._explorer.remember(self.label, True)

    def wait(self, timeout: Optional[float] = None) -> bool:
        self._explorer.wait(lambda: self._is_set)
        self._is_set = False
        self._explorer.remember(self.label, False)
        self._explorer.saw(self.label)
        return True

    def close(self) -> None:
        """Nothing to release."""


class Lock:
    """Takes the place of an unpatched lock."""

    def __init__(self, explorer: Explorer) -> None:
        self.label = ("lock", explorer.label())
        self._explorer = explorer
        self._is_held = False

    def acquire(self) -> None:
        self._explorer.wait(lambda: not self._is_held)
        self._is_held = True
        self._explorer.remember(self.label, True)

    def release(self) -> None:
        self._is_held = False
        self._explorer.remember(self.label, False)


class Deque(deque):  # type: ignore[type-arg]
    """A watched deque, or a watched list that is used as a deque. Each call of a method is one
    access."""

    def __init__(self, explorer: Explorer, name: str, content: Any) -> None:
        super().__init__(content)
        self.label = (name, explorer.label())
        self.explorer = explorer
        self.name = name
        explorer.remember(self.label, tuple(content))

    def __bool__(self) -> bool:
        return len(self) > 0

    def copy(self) -> Any:
        self.explorer.access(self.name, False)
        return deque(deque.__iter__(self))


def _pop(self: Deque, index: int = -1) -> Any:
    """``list.pop``, for the lists."""
    return deque.popleft(self) if index == 0 else deque.pop(self)


def _get(self: Deque, index: Any) -> Any:
    """``list.__getitem__``, for the lists."""
    if isinstance(index, slice):
        return list(deque.__iter__(self))[index]
    return deque.__getitem__(self, index)


def _delete(self: Deque, index: Any) -> None:
    """``list.__delitem__``, for the lists: the items of a slice."""
    left = list(deque.__iter__(self))
    del left[index]
    deque.clear(self)
    deque.extend(self, left)


_OF_LISTS = {"pop": _pop, "__getitem__": _get, "__delitem__": _delete}


def _watched(method: str, writes: bool) -> Any:
    original = _OF_LISTS.get(method) or getattr(deque, method)

    def access(self: Deque, *arguments: Any) -> Any:
        self.explorer.access(self.name, writes)
        outcome: Any = None
        try:
            outcome = original(self, *arguments)
            return outcome
        except (IndexError, ValueError) as error:
            outcome = error
            raise
        finally:
            self.explorer.saw((method, self.explorer.shown(outcome)))
            if writes:
                self.explorer.remember(self.label, tuple(deque.__iter__(self)))

    return access


for _method in ("__len__", "__getitem__"):
    setattr(Deque, _method, _watched(_method, False))
for _method in ("append", "appendleft", "pop", "popleft", "remove", "clear", "__delitem__"):
    setattr(Deque, _method, _watched(_method, True))


class Attribute:
    """An attribute in a slot. Each access to it is reported."""

    def __init__(self, explorer: Explorer, name: str, slot: Any) -> None:
        self._explorer = explorer
        self._name = name
        self._slot = slot

    def __get__(self, instance: Any, owner: Any = None) -> Any:
        if instance is None:
            return self._slot
        self._explorer.access(self._name, writes=False)
        try:
            value = self._slot.__get__(instance, owner)
        except AttributeError:  # it was claimed
            self._explorer.saw(None)
            raise
        self._explorer.saw(self._explorer.shown(value))
        return value

    def __delete__(self, instance: Any) -> None:
        self._explorer.access(self._name, writes=True)
        label = (self._name, self._explorer.label_of(instance))
        try:
            self._slot.__delete__(instance)
        except AttributeError:
            self._explorer.saw(None)
            raise
        self._explorer.saw(True)
        self._explorer.remember(label, None)

    def __set__(self, instance: Any, value: Any) -> None:
        if type(value) in (deque, list):
            value = Deque(self._explorer, self._name, value)
        elif type(value) is LOCK:
            value = Lock(self._explorer)
        self._explorer.access(self._name, writes=True)
        self._slot.__set__(instance, value)
        self._explorer.remember((self._name, self._explorer.label_of(instance)), value)


@contextmanager
def watching(explorer: Explorer, classes: List[type]) -> Iterator[None]:
    """Watch the attributes of these classes until the end of the block."""
    slots = [(one, name) for one in classes for name in one.__dict__.get("__slots__", ())]
    before = [(one, name, one.__dict__[name]) for one, name in slots]
    for one, name, slot in before:
        setattr(one, name, Attribute(explorer, name, slot))
    try:
        yield
    finally:
        for one, name, slot in before:
            setattr(one, name, slot)

"""What happens when the reader has no room: one small class for each strategy.

Floor 1: standard library only. The names are Reactive Streams' own (RxJava, Reactor).
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Protocol, Union

from .errors import ConfigurationError


class Buffer(Protocol):
    """What a strategy can do with a channel that is full."""

    def wait_for_room(self, size: int) -> None:
        """Block until ``size`` bytes have room."""


class OverflowStrategy(ABC):
    """Decides, on the producer's side, about an item that finds no room."""

    name: str

    @abstractmethod
    def make_room(self, buffer: Buffer, size: int) -> bool:
        """Return ``True`` when ``size`` bytes may go in, ``False`` when they are lost.

        :raises StreamClosed: the stream ended meanwhile.
        """


class Block(OverflowStrategy):
    """The producer waits; the reader loses nothing."""

    name = "block"

    def make_room(self, buffer: Buffer, size: int) -> bool:
        buffer.wait_for_room(size)
        return True


class Overflow:
    """The strategies by name: ``Overflow.BLOCK`` or just ``"block"``."""

    BLOCK = Block()

    @classmethod
    def named(cls, strategy: Union[str, OverflowStrategy]) -> OverflowStrategy:
        """The strategy of that name.

        :raises ConfigurationError: there is none.
        """
        if isinstance(strategy, OverflowStrategy):
            return strategy
        values = vars(cls).values()
        known = {value.name: value for value in values if isinstance(value, OverflowStrategy)}
        if not isinstance(strategy, str) or strategy not in known:
            raise ConfigurationError(f"overflow: {strategy!r} is none of {', '.join(known)}")
        return known[strategy]

"""What happens to an item that finds no room: one small class for each strategy.

Floor 1: standard library only. A strategy is a kind of channel. The names are Reactive Streams'
own (RxJava, Reactor).
"""

from __future__ import annotations

import sys
from collections import deque
from typing import Any, Deque, Optional, Type, Union

from ..errors import ConfigurationError, StreamClosed, StreamOverflow
from ..records import Gap
from ..runtime.atomic import try_pop
from ..runtime.wakeup import Wakeup
from .channel import Channel, ChannelConfig
from .latest import Latest
from .lossy import LossyChannel, with_lost


class Block(Channel):
    """The producer waits; the reader loses nothing."""

    name = "block"
    loses = "nothing"

    __slots__ = ()

    @classmethod
    def create(cls, config: ChannelConfig) -> Channel:
        return super().create(config) if config.options.buffer else Missing.create(config)


class Buffer(Channel):
    """What has no room is queued all the same, up to ``max_bytes``. Past it the stream ends with
    ``overflow``, and the reader loses what would have followed.

    :param max_bytes: how many bytes may wait; one larger frame may enter an empty channel.
    """

    name = "buffer"
    loses = "what follows once too much waits: the stream ends"

    __slots__ = ()

    def __init__(self, readable: Wakeup, writable: Wakeup, *, max_bytes: int) -> None:
        super().__init__(readable, writable, max_items=sys.maxsize, max_bytes=max_bytes)

    @classmethod
    def create(cls, config: ChannelConfig) -> Channel:
        limit = config.options.max_buffer_bytes
        return cls(config.readable, config.writable, max_bytes=limit)

    def _make_room(self, size: int) -> None:
        if self._closed is not None:
            raise StreamClosed(self._closed)
        raise StreamOverflow


class Missing(Channel):
    """There is no buffer: ``send`` returns when the reader has taken the frame. The reader loses
    nothing."""

    name = "missing"
    loses = "nothing"

    __slots__ = ()

    def __init__(self, readable: Wakeup, writable: Wakeup) -> None:
        super().__init__(readable, writable, max_items=0, max_bytes=0)

    @classmethod
    def create(cls, config: ChannelConfig) -> Channel:
        return cls(config.readable, config.writable)

    def send(self, frame: bytes) -> None:
        """Hand one frame over, and wait until it is taken.

        :raises StreamClosed: the stream has ended, before or while it waited. In the latter case
            the reader may still take the frame before it learns of the end.
        """
        super().send(frame)
        self._make_room(0)  # without a buffer there is room when nothing waits any more


class Drop(LossyChannel):
    """The reader loses what comes while there is no room."""

    name = "drop"
    loses = "what comes while there is no room"

    __slots__ = ("_gap",)

    def __init__(self, *arguments: Any, **keywords: Any) -> None:
        super().__init__(*arguments, **keywords)
        self._gap: Deque[Gap] = deque()  # at most one: what the reader has not been told yet

    def _refuse(self, item: Any) -> None:
        self._lost_items += 1
        if self._tell_gap is not None:
            self._gap.append(with_lost(try_pop(self._gap), item))

    def _append(self, frame: bytes) -> None:
        super()._append(self._told() + frame if self._gap else frame)

    def receive(self, timeout: Optional[float] = None) -> Optional[bytes]:
        """As :meth:`Channel.receive`; what was lost last of all is told before the end."""
        block = super().receive(timeout)
        if block is None and not self._discarded:
            return self._told() or None
        return block

    def _told(self) -> bytes:
        gap = try_pop(self._gap)
        return b"" if gap is None or self._tell_gap is None else self._tell_gap(gap)


class Error(LossyChannel):
    """An item without room ends the stream with ``overflow``; the reader loses it and what would
    have followed."""

    name = "error"
    loses = "what follows once there is no room: the stream ends"

    __slots__ = ()

    def _refuse(self, item: Any) -> None:
        raise StreamOverflow


class Overflow:
    """The strategies by name: ``Overflow.DROP`` or just ``"drop"``."""

    BLOCK = Block
    BUFFER = Buffer
    DROP = Drop
    LATEST = Latest
    ERROR = Error
    MISSING = Missing

    @classmethod
    def named(cls, strategy: Union[str, Type[Channel]]) -> Type[Channel]:
        """The strategy of that name.

        :raises ConfigurationError: there is none.
        """
        if isinstance(strategy, type) and issubclass(strategy, Channel):
            return strategy
        if not isinstance(strategy, str) or strategy not in STRATEGIES:
            raise ConfigurationError(f"overflow: {strategy!r} is none of {', '.join(STRATEGIES)}")
        return STRATEGIES[strategy]


STRATEGIES = {kind.name: kind for kind in (Block, Buffer, Drop, Latest, Error, Missing)}
"""The strategies that a name asks for."""

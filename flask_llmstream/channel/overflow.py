"""``Overflow``: the strategies for an item that finds no room. Each is a small class of channel.

Standard library only. The names are those of Reactive Streams (RxJava, Reactor).
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
    """The producer waits for room. The reader loses nothing."""

    name = "block"
    loses = "nothing"

    __slots__ = ()

    @classmethod
    def create(cls, config: ChannelConfig) -> Channel:
        return super().create(config) if config.options.buffer else Missing.create(config)


class Buffer(Channel):
    """Items are queued up to ``max_bytes``. Past that the stream ends with ``overflow``, and the
    reader loses the items that would have followed.

    :param max_bytes: the most bytes that may wait; one larger frame may enter an empty channel.
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
    """There is no buffer. ``send`` returns when the reader has taken the frame. The reader loses
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
        """Hand over one frame, and wait until the reader has taken it.

        :raises StreamClosed: the stream ended before this, or while this waited. In the latter case
            the reader may still take the frame before it sees the end.
        """
        super().send(frame)
        self._make_room(0)  # without a buffer there is room when no frame waits


class Drop(LossyChannel):
    """The reader loses the items that come while there is no room."""

    name = "drop"
    loses = "what comes while there is no room"

    __slots__ = ("_gap",)

    def __init__(self, *arguments: Any, **keywords: Any) -> None:
        super().__init__(*arguments, **keywords)
        self._gap: Deque[Gap] = deque()  # at most one: the gap that was not sent yet

    def _refuse(self, item: Any) -> None:
        self._lost_items += 1
        if self._tell_gap is not None:
            self._gap.append(with_lost(try_pop(self._gap), item))

    def _append(self, frame: bytes) -> None:
        super()._append(self._told() + frame if self._gap else frame)

    def receive(self, timeout: Optional[float] = None) -> Optional[bytes]:
        """As :meth:`Channel.receive`. A gap after the last item is sent before the end."""
        block = super().receive(timeout)
        if block is None and not self._discarded:
            return self._told() or None
        return block

    def _told(self) -> bytes:
        gap = try_pop(self._gap)
        return b"" if gap is None or self._tell_gap is None else self._tell_gap(gap)


class Error(LossyChannel):
    """An item without room ends the stream with ``overflow``. The reader loses this item and all
    that would have followed."""

    name = "error"
    loses = "what follows once there is no room: the stream ends"

    __slots__ = ()

    def _refuse(self, item: Any) -> None:
        raise StreamOverflow


class Overflow:
    """The strategies by name. An option takes ``Overflow.DROP`` or ``"drop"``."""

    BLOCK = Block
    BUFFER = Buffer
    DROP = Drop
    LATEST = Latest
    ERROR = Error
    MISSING = Missing

    @classmethod
    def named(cls, strategy: Union[str, Type[Channel]]) -> Type[Channel]:
        """The strategy of this name. A strategy's class is returned as it is.

        :raises ConfigurationError: there is no such strategy.
        """
        if isinstance(strategy, str) and strategy in STRATEGIES:
            return STRATEGIES[strategy]
        if isinstance(strategy, type) and issubclass(strategy, Channel):
            return strategy
        raise ConfigurationError(f"overflow: {strategy!r} is none of {', '.join(STRATEGIES)}")


STRATEGIES = {kind.name: kind for kind in (Block, Buffer, Drop, Latest, Error, Missing)}
"""The strategies by their names."""

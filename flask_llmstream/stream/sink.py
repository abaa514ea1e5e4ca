"""``Sink``: takes items from the source to the channel, and counts them.

This is the path of every token.
"""

from __future__ import annotations

from functools import partial
from typing import Any, Callable, List, Mapping, Optional, Set

from ..channel.channel import Channel, ChannelConfig, ChannelStatistics
from ..channel.overflow import Overflow
from ..deltas import Delta
from ..errors import StreamClosed, UnsendableItem
from ..formats import Format
from ..formats.base import has_one_event
from ..log import log
from ..providers.sdk_streams.kinds import is_sdk_item
from ..records import Usage
from ..runtime.wakeup import Wakeup
from ..sse.event import ServerSentEvent
from .encoder import Encoder
from .handover import Handover, Record
from .options import StreamOptions

_warned_of_lost_text: Set[str] = set()

_NO_CHUNKS = frozenset({str, dict, list, Delta, ServerSentEvent})

NOTHING_SENT = ChannelStatistics(0, 0, 0, 0)


class Sink:
    """The way of one stream's items, with its channel.

    :param name: the name of the source in the log.
    :ivar channel: the channel, from :meth:`open` on.
    :ivar strategy: the class of the channel that the option ``overflow`` names.
    :ivar usage: the usage that the source has yielded.
    :ivar first_item_at: when the first item was sent; ``None`` before.
    :ivar last_item_at: when the source gave its latest item. Kept with an ``idle_timeout``, and for
        each item for which nothing is sent.
    :ivar handover: hands frames over, where the stream is kept or may go on without its reader;
        ``None`` for another stream.
    """

    __slots__ = (
        "channel", "strategy", "usage", "first_item_at", "last_item_at", "handover", "_name",
        "_format", "_options", "_clock", "_encoder", "_sdk_items",
    )  # fmt: skip

    def __init__(
        self,
        name: str,
        format: Format,
        options: StreamOptions,
        clock: Callable[[], float],
    ) -> None:
        self.channel: Any = None
        self.strategy = Overflow.named(options.overflow)
        self.usage: Optional[Usage] = None
        self.first_item_at: Optional[float] = None
        self.last_item_at: Optional[float] = None
        self._name = name
        self._format = format
        self._options = options
        self._clock = clock
        self._sdk_items: Any = None
        self.handover: Optional[Handover] = None
        self._encoder = Encoder(name, format, options.on_finish is not None)

    def open(
        self, readable: Wakeup, writable: Wakeup, record: Optional[Record] = None
    ) -> Channel:
        """Make the channel.

        :param record: keeps an event of a stream that can be resumed. Default: nobody keeps it.
        """
        options = self._options
        config = ChannelConfig(readable, writable, self._encoder.encoded, self._format.gap, options)
        channel: Channel = self.strategy.create(config)
        if record is not None or options.on_leave not in (None, "cancel"):
            self.handover = Handover(self._name, channel, self._format, record)
        self.channel = channel
        return channel

    # The state, also before there is a channel.

    @property
    def statistics(self) -> ChannelStatistics:
        """The counts of the channel so far."""
        if self.channel is None:
            return NOTHING_SENT
        counts: ChannelStatistics = self.channel.statistics
        return counts if self.handover is None else self.handover.with_unread(counts)

    @property
    def has_begun(self) -> bool:
        """Whether the source has given an item, be it one for which nothing is sent."""
        return self.first_item_at is not None or self.last_item_at is not None

    @property
    def room(self) -> int:
        """The demand: how many items may be sent before one finds no room."""
        return 0 if self.channel is None else int(self.channel.room)

    @property
    def waits_for_room(self) -> bool:
        """Whether the producer waits for the reader."""
        return self.channel is not None and bool(self.channel.producer_waits)

    @property
    def is_detached(self) -> bool:
        """Whether the source goes on without its reader."""
        return self.handover is not None and self.handover.is_detached

    def received_items(self) -> Optional[int]:
        """How many items the reader has received; ``None`` while it waits for more."""
        received: Optional[int] = None if self.channel is None else self.channel.received
        return received

    @property
    def is_read(self) -> bool:
        """Whether the reader is still there, or has yet to take the end."""
        return self.channel is None or not self.channel.is_discarded

    @property
    def text(self) -> str:
        """The words of the deltas so far, joined; ``""`` where the text is not kept."""
        return self._encoder.text

    @property
    def left_out(self) -> Mapping[str, int]:
        """What the format did not show, counted by kind."""
        return self._format.left_out

    def sender(self) -> Callable[[Any], None]:
        """The function that takes an item to the channel; made once a stream."""
        if self.channel.encodes:
            return self._offer
        encode, send, clock = self._encoder.encode, self._sender_of_frames(), self._clock

        def deliver(item: Any) -> None:
            if item.__class__ is Usage:
                self._take_usage(item)
                return
            try:
                frame = encode(item)
            except (TypeError, ValueError) as error:
                self._send_pieces_in(item, error)
                return
            if frame:
                send(frame)
                if self.first_item_at is None:
                    self.first_item_at = clock()
            else:
                self._take_unsent()

        handover = self.handover
        if handover is None or handover.record is None or self._options.idle_timeout:
            return deliver
        return self._sender_of_texts(handover, deliver) if has_one_event(self._format) else deliver

    def _sender_of_texts(
        self, handover: Handover, deliver: Callable[[Any], None]
    ) -> Callable[[Any], None]:
        """As ``deliver``, with less work for a text, which is one event, to be kept."""
        encode, clock = self._encoder.encode, self._clock
        record, send = handover.record, self.channel.send

        def deliver_text(item: Any) -> None:
            if item.__class__ is not str:
                deliver(item)
                return
            frame = encode(item)
            if not frame:
                self._take_unsent()
                return
            record(frame)  # type: ignore[misc]
            try:
                send(frame)
            except StreamClosed:
                handover.take_unread(frame)
            if self.first_item_at is None:
                self.first_item_at = clock()

        return deliver_text

    def _sender_of_frames(self) -> Callable[[bytes], None]:
        """The function that takes a frame to the channel. Most streams need only its own."""
        send: Callable[[bytes], None] = self.channel.send
        if self.handover is not None:
            send = self.handover.sender()
        return partial(self._stamped, send) if self._options.idle_timeout else send

    def _offer(self, item: Any) -> None:
        """Send an item that the channel encodes late, once it has room."""
        if item.__class__ is Usage:
            self._take_usage(item)
            return
        pieces = None if item.__class__ in _NO_CHUNKS else self._pieces_in(item)
        if pieces is not None:
            for piece in pieces:
                self._offer(piece)
            return
        if isinstance(item, (str, Delta)):
            self._warn_of_lost_text()
        send = self.channel.send if self.handover is None else self.handover.send
        send(item)
        self.last_item_at = self._clock()
        if self.first_item_at is None:
            self.first_item_at = self.last_item_at

    def _send_pieces_in(self, item: Any, error: Exception) -> None:
        """Send what is in a chunk of an SDK.

        :raises UnsendableItem: the item is none.
        """
        pieces = self._pieces_in(item)
        if pieces is None:
            raise UnsendableItem(self._name, error) from error
        deliver = self.sender()
        for piece in pieces:
            deliver(piece)

    def _pieces_in(self, item: Any) -> Optional[List[Any]]:
        if not is_sdk_item(item):
            return None
        from ..providers.sdk_streams.items import SDKItems  # loads the HTTP client

        if self._sdk_items is None:
            self._sdk_items = SDKItems()
        pieces: Optional[List[Any]] = self._sdk_items.pieces(item)
        return pieces

    def _stamped(self, send: Callable[[bytes], None], frame: bytes) -> None:
        send(frame)
        self.last_item_at = self._clock()  # behind the wait for room, which is the reader's time

    def _take_unsent(self) -> None:
        """Take note of an item that the format leaves out, or keeps for the end: its source is not
        idle."""
        self.last_item_at = self._clock()
        self._check_that_it_goes_on()

    def _take_usage(self, usage: Usage) -> None:
        self.usage = usage
        self._check_that_it_goes_on()

    def _check_that_it_goes_on(self) -> None:
        """Raise as ``send`` would, for a source that ignores its stop."""
        if self.channel.closed is not None and not self.is_detached:
            raise StreamClosed(self.channel.closed)

    def _warn_of_lost_text(self) -> None:
        if self._name in _warned_of_lost_text or self._options.coalesce is not None:
            return
        _warned_of_lost_text.add(self._name)
        channel = self.channel
        log.warning(
            "%s streams text with overflow=%r, whose reader loses %s: that spoils an answer. "
            "'block' and 'buffer' lose nothing, nor does 'latest' with coalesce=operator.add.",
            *(self._name, channel.name, channel.loses),
        )

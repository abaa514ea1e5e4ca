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
from ..records import MAX_TEXT, Usage
from ..replay.numbering import split_events
from ..runtime.wakeup import Wakeup
from ..sse.event import ServerSentEvent
from ..sse.text import whole
from .options import StreamOptions

_warned_of_lost_text: Set[str] = set()

_NO_CHUNKS = frozenset({str, dict, list, Delta, ServerSentEvent})

_OWN_ID = "an event of a stream that can be resumed gets its ID from the stream; leave out its own"

NOTHING_SENT = ChannelStatistics(0, 0, 0, 0)


class Encoder:
    """Makes items bytes, and keeps their text where ``on_finish`` asks for it.

    The channel holds the encoder, and the sink holds the channel. If encoder and sink were one
    object, only gc could free the two.

    :param name: the name of the source in an error.
    :param keeps_text: whether the text is kept.
    """

    __slots__ = ("_name", "_format", "_keeps_text", "_text", "_text_room")

    def __init__(self, name: str, format: Format, keeps_text: bool) -> None:
        self._name = name
        self._format = format
        self._keeps_text = keeps_text
        self._text: List[str] = []
        self._text_room = MAX_TEXT

    @property
    def text(self) -> str:
        """The words of the deltas so far, joined."""
        return whole("".join(self._text))

    @property
    def encode(self) -> Callable[[Any], bytes]:
        """The function that makes an item bytes."""
        return self._recorded if self._keeps_text else self._format.item

    def encoded(self, item: Any) -> bytes:
        """Make an item bytes.

        :raises UnsendableItem: JSON can't hold it; the message names the source.
        """
        try:
            return self.encode(item)
        except (TypeError, ValueError) as error:
            raise UnsendableItem(self._name, error) from error

    def _recorded(self, item: Any) -> bytes:
        frame = self._format.item(item)
        words = item.words if isinstance(item, Delta) else item
        if isinstance(words, str) and self._text_room > 0:
            self._text.append(words[: self._text_room])
            self._text_room -= len(words)
        return frame


class Sink:
    """The way of one stream's items, with its channel.

    :param name: the name of the source in the log.
    :ivar channel: the channel, from :meth:`open` on.
    :ivar strategy: the class of the channel that the option ``overflow`` names.
    :ivar usage: the usage that the source has yielded.
    :ivar first_item_at: when the first item was sent; ``None`` before.
    :ivar last_item_at: when the source gave its latest item. Kept with an ``idle_timeout``, and for
        each item for which nothing is sent.
    :ivar record: takes an event to the log of a stream that can be resumed; ``None`` for another
        stream.
    :ivar is_detached: whether the producer goes on although its reader has left.
    """

    __slots__ = (
        "channel", "strategy", "usage", "first_item_at", "last_item_at", "record", "is_detached",
        "_name", "_format", "_options", "_clock", "_encoder", "_sdk_items", "_unread",
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
        self.record: Optional[Callable[[bytes], None]] = None
        self.is_detached = False
        self._unread: Optional[List[int]] = None  # the items and bytes sent without a reader
        self._encoder = Encoder(name, format, options.on_finish is not None)

    def open(self, readable: Wakeup, writable: Wakeup) -> Channel:
        """Make the channel."""
        options = self._options
        config = ChannelConfig(readable, writable, self._encoder.encoded, self._format.gap, options)
        channel: Channel = self.strategy.create(config)
        self.channel = channel
        return channel

    # The state, also before there is a channel.

    @property
    def statistics(self) -> ChannelStatistics:
        """The counts of the channel so far."""
        if self.channel is None:
            return NOTHING_SENT
        counts: ChannelStatistics = self.channel.statistics
        if self._unread is None:
            return counts
        items, size = self._unread
        return counts._replace(
            sent_items=counts.sent_items + items, sent_bytes=counts.sent_bytes + size
        )

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

        if self.record is None or self._options.idle_timeout or not has_one_event(self._format):
            return deliver
        return self._sender_of_texts(self.record, deliver)

    def _sender_of_texts(
        self, record: Callable[[bytes], None], deliver: Callable[[Any], None]
    ) -> Callable[[Any], None]:
        """As ``deliver``, with less work for a text, which is one event, to be kept."""
        encode, send, clock = self._encoder.encode, self.channel.send, self._clock

        def deliver_text(item: Any) -> None:
            if item.__class__ is not str:
                deliver(item)
                return
            frame = encode(item)
            if not frame:
                self._take_unsent()
                return
            record(frame)
            try:
                send(frame)
            except StreamClosed:
                if not self.is_detached:
                    raise
                self._count_unread(frame)
            if self.first_item_at is None:
                self.first_item_at = clock()

        return deliver_text

    def _sender_of_frames(self) -> Callable[[bytes], None]:
        """The function that takes a frame to the channel. Most streams need only its own."""
        send: Callable[[bytes], None] = self.channel.send
        if self._options.leaving != "cancel" or self.record is not None:
            send = self._hand_over
        if self.record is not None:
            send = partial(self._recorded, self.record)
        return partial(self._stamped, send) if self._options.idle_timeout else send

    def _recorded(self, record: Callable[[bytes], None], frame: bytes) -> None:
        """Keep each event in the log first. So the log has all that its reader has."""
        if self._format.has_own_ids:
            raise UnsendableItem(self._name, ValueError(_OWN_ID))
        for event in split_events(frame):
            record(event)
            self._hand_over(event)

    def _hand_over(self, frame: Any) -> None:
        """Send a frame (or an item, to a channel that encodes late), whether or not there is a
        reader."""
        if not self.is_detached:
            try:
                self.channel.send(frame)
                return
            except StreamClosed:
                if not self.is_detached:
                    raise
        self._count_unread(frame)

    def _count_unread(self, frame: Any) -> None:
        items, size = self._unread or (0, 0)
        self._unread = [items + 1, size + (len(frame) if frame.__class__ is bytes else 0)]

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
        if self._options.leaving == "cancel":
            self.channel.send(item)
        else:
            self._hand_over(item)
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

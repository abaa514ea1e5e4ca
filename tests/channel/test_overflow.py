"""The strategies for an item that finds no room, and the option that chooses one."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any, Callable, Iterable, List, Type

import gevent
import pytest

from flask_llmstream.channel.channel import Channel, ChannelConfig
from flask_llmstream.channel.overflow import STRATEGIES, Block, Buffer, Drop, Missing, Overflow
from flask_llmstream.errors import ConfigurationError, StreamClosed, StreamOverflow
from flask_llmstream.records import Gap
from flask_llmstream.stream.options import StreamOptions
from tests.support.channel_sides import (
    ALL_SIDES,
    Sides,
    Turns,
    Watched,
    blocks_of,
    on_all_sides,
    open_channel,
    switching_often,
)
from tests.support.runtimes import HANG_GUARD

KIB = 1024


def told(gap: Gap) -> bytes:
    """The frame of a gap in these tests."""
    return b"<%d lost>" % gap.lost


def channel_with_turns(*turns: Callable[[], Any], **options: Any) -> Channel:
    """The channel of a stream with these options. In its test no side waits, or ``turns`` run
    while the reader waits."""
    return opened_with(Turns(*turns), Turns(), StreamOptions(**options))


def opened_with(readable: Any, writable: Any, options: StreamOptions) -> Channel:
    config = ChannelConfig(readable, writable, str.encode, told, options)
    return Overflow.named(options.overflow).create(config)


def send(channel: Channel, items: Iterable[str]) -> None:
    """Send each item, as a stream does."""
    for item in items:
        channel.send(item if channel.encodes else item.encode())  # type: ignore[arg-type]


def produce(channel: Channel, items: Iterable[str]) -> str:
    """Send all and end, as a stream does. Returns the reason of the end."""
    reason = "complete"
    try:
        send(channel, items)
    except StreamOverflow:
        reason = "overflow"
    channel.close(reason)
    return reason


def text_of(channel: Channel) -> str:
    """All bytes up to the end."""
    return b"".join(blocks_of(channel)).decode()


# The option.


@pytest.mark.parametrize("name", STRATEGIES)
def test_each_strategy_has_its_name(name: str) -> None:
    assert Overflow.named(name) is getattr(Overflow, name.upper())


@pytest.mark.parametrize("strategy", STRATEGIES.values())
def test_a_strategy_is_itself(strategy: Type[Channel]) -> None:
    assert Overflow.named(strategy) is strategy


def test_the_strategies_are_these() -> None:
    assert list(STRATEGIES) == ["block", "buffer", "drop", "latest", "error", "missing"]


@pytest.mark.parametrize("wrong", ["bloc", "BLOCK", "named", "", None, 1, True, str, ["block"]])
def test_what_is_no_strategy_is_told_the_ones_there_are(wrong: Any) -> None:
    there_are = "block, buffer, drop, latest, error, missing"
    with pytest.raises(ConfigurationError, match=f"^overflow: .* is none of {there_are}$") as said:
        Overflow.named(wrong)
    assert repr(wrong) in str(said.value)


# The tables: A, B, C and the end are sent to a reader without any buffer.

TABLE = [
    # strategy, when the reader asks for nothing, when it has asked for one item
    ("block", "A B C complete", "A B C complete"),
    ("buffer", "A B C complete", "A B C complete"),
    ("drop", "complete", "A complete"),
    ("latest", "C complete", "A C complete"),
    ("error", "overflow", "A overflow"),
    ("missing", "A B C complete", "A B C complete"),
]


def without_demand(strategy: str) -> str:
    """The bytes for a reader that comes after the end, or when the producer waits for it."""
    channel = opened_with(*greenlets(), StreamOptions(overflow=strategy, buffer=0))
    producer = gevent.spawn(produce, channel, "ABC")
    gevent.idle()
    return read(channel, producer)


def with_demand(strategy: str) -> str:
    """The bytes for a reader that asks for one item, and then for the next."""
    readable, writable = greenlets()
    channel = opened_with(readable, writable, StreamOptions(overflow=strategy, buffer=0))
    asking = gevent.spawn(channel.receive, HANG_GUARD)
    readable.somebody_waits()
    producer = gevent.spawn(produce, channel, "ABC")
    return " ".join([*asking.get().decode(), read(channel, producer)])


def greenlets() -> List[Any]:
    sides = ALL_SIDES["greenlets"]
    return [Watched(sides.readable(), sides.sign()), Watched(sides.writable(), sides.sign())]


def read(channel: Channel, producer: Any) -> str:
    try:
        received = text_of(channel)
        return " ".join([*received, producer.get(timeout=HANG_GUARD)])
    finally:
        channel.discard("the test is over")


@pytest.mark.parametrize("strategy, expected, _", TABLE)
def test_without_a_buffer_and_without_demand(strategy: str, expected: str, _: str) -> None:
    assert without_demand(strategy) == expected


@pytest.mark.parametrize("strategy, _, expected", TABLE)
def test_without_a_buffer_and_with_demand_for_one(strategy: str, _: str, expected: str) -> None:
    assert with_demand(strategy) == expected


def test_the_tables_are_in_the_documentation_as_they_are_printed() -> None:
    lines = [f"{'':9}{'no demand':18}demand for one"]
    lines += [f"{name:9}{without_demand(name):18}{with_demand(name)}" for name in STRATEGIES]
    print("", *lines, sep="\n")
    page = Path(__file__).parents[2] / "docs" / "overflow.md"
    assert "".join(f"    {line}\n" for line in lines) in page.read_text()


# With a buffer.


@pytest.mark.parametrize(
    "strategy, received, reason",
    [
        ("buffer", "ABCDE", "complete"),
        ("drop", "AB", "complete"),
        ("latest", "ABE", "complete"),
        ("error", "AB", "overflow"),
    ],
)
def test_what_was_accepted_goes_before_the_end(strategy: str, received: str, reason: str) -> None:
    channel = channel_with_turns(overflow=strategy, buffer=2)
    assert produce(channel, "ABCDE") == reason
    assert text_of(channel) == received


@pytest.mark.parametrize("strategy", ["drop", "latest", "error"])
def test_a_fast_reader_loses_nothing(strategy: str) -> None:
    channel = channel_with_turns(overflow=strategy, buffer=2)
    for item in "ABCDE":
        send(channel, item)
        assert channel.receive(0) == item.encode()
    assert channel.statistics.lost_items == 0


@pytest.mark.parametrize("strategy", ["drop", "latest", "error"])
def test_room_is_what_the_reader_has_made(strategy: str) -> None:
    channel = channel_with_turns(overflow=strategy, buffer=2)
    send(channel, "AB")
    assert channel.receive(0) == b"AB"
    send(channel, "CD")
    assert channel.receive(0) == b"CD"


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_nothing_is_sent_after_the_end(strategy: str) -> None:
    channel = channel_with_turns(overflow=strategy)
    channel.close("shutdown")
    with pytest.raises(StreamClosed) as refused:
        send(channel, "A")
    assert refused.value.reason == "shutdown"
    assert channel.receive(0) is None
    assert channel.statistics == (0, 0, 0, 0, 0, 0)


@pytest.mark.parametrize("strategy", ["block", "buffer", "drop", "latest", "error"])
def test_nothing_is_read_that_nobody_will_read(strategy: str) -> None:
    channel = channel_with_turns(overflow=strategy, buffer=2, gaps=True)
    send(channel, "AB" if strategy in ("block", "error") else "ABCD")
    channel.discard("disconnect")
    assert channel.receive(0) is None


@pytest.mark.parametrize("strategy", ["drop", "latest", "error"])
def test_the_buffer_s_bytes_are_room(strategy: str) -> None:
    channel = channel_with_turns(overflow=strategy, buffer_bytes=3)
    produce(channel, ["AA", "BB", "CC", "DD"])
    assert channel.receive(0) == b"AABB"


# Block.


def test_block_has_room_for_what_the_options_say() -> None:
    full = []
    readable, writable = Turns(), Turns(lambda: full.append(channel.receive()))
    channel = opened_with(readable, writable, StreamOptions(buffer=2))
    send(channel, "ABC")
    assert full == [b"AB"]


def test_block_without_a_buffer_is_missing() -> None:
    assert type(channel_with_turns(overflow="block", buffer=0)) is Missing
    assert type(channel_with_turns(overflow="block", buffer=1)) is Block


# Buffer.


def test_buffer_queues_far_more_than_the_buffer() -> None:
    channel = channel_with_turns(overflow="buffer", buffer=1, buffer_bytes=1)
    items = [f"{index} " for index in range(10_000)]
    assert produce(channel, items) == "complete"
    assert text_of(channel) == "".join(items)


def test_buffer_ends_the_stream_where_too_much_waits() -> None:
    channel = channel_with_turns(overflow="buffer", max_buffer_bytes=10)
    send(channel, ["12345", "67890"])
    with pytest.raises(StreamOverflow):
        send(channel, "!")
    channel.close("overflow")
    assert text_of(channel) == "1234567890"


def test_buffer_takes_one_oversized_item_when_nothing_waits() -> None:
    channel = channel_with_turns(overflow="buffer", max_buffer_bytes=10)
    assert produce(channel, ["1" * 99, "2"]) == "overflow"
    assert text_of(channel) == "1" * 99


# Missing.


@on_all_sides
def test_missing_returns_when_the_reader_has_taken_the_item(sides: Sides) -> None:
    with open_channel(sides, Missing) as (channel, _, writable):
        sent: List[bytes] = []

        def produce() -> None:
            for frame in (b"A", b"B"):
                channel.send(frame)
                sent.append(frame)

        producer = sides.start(produce)
        writable.somebody_waits()
        assert sent == []
        assert channel.receive(HANG_GUARD) == b"A"
        assert channel.receive(HANG_GUARD) == b"B"
        producer.result()
        assert sent == [b"A", b"B"]


@on_all_sides
@pytest.mark.parametrize("end", [Channel.close, Channel.discard])
def test_the_end_frees_a_producer_that_waits_to_be_taken_from(
    sides: Sides, end: Callable[..., None]
) -> None:
    with open_channel(sides, Missing) as (channel, _, writable):

        def produce() -> str:
            with pytest.raises(StreamClosed) as refused:
                channel.send(b"A")
            return refused.value.reason

        producer = sides.start(produce)
        writable.somebody_waits()
        end(channel, "timeout")
        assert producer.result() == "timeout"


# Drop.


def test_drop_counts_what_it_loses() -> None:
    channel = channel_with_turns(overflow="drop", buffer=2)
    send(channel, "ABCDE")
    assert channel.statistics == (5, 2, 0, 0, 3, 0)
    channel.receive(0)
    send(channel, "F")
    assert channel.statistics == (6, 3, 2, 2, 3, 0)


def test_drop_tells_of_a_gap_before_the_next_item() -> None:
    channel = channel_with_turns(overflow="drop", buffer=2, gaps=True)
    send(channel, "ABCDE")
    assert channel.receive(0) == b"AB"
    send(channel, "FG")
    assert channel.receive(0) == b"<3 lost>FG"


def test_drop_tells_of_a_gap_before_the_end() -> None:
    channel = channel_with_turns(overflow="drop", buffer=2, gaps=True)
    produce(channel, "ABCDE")
    assert [channel.receive(0) for _ in range(4)] == [b"AB", b"<3 lost>", None, None]


def test_a_gap_is_told_once() -> None:
    channel = channel_with_turns(overflow="drop", buffer=1, gaps=True)
    send(channel, "AB")
    channel.receive(0)
    send(channel, "CDE")
    channel.receive(0)
    produce(channel, "F")
    assert text_of(channel) == "<2 lost>F"


def test_drop_tells_nothing_unless_asked() -> None:
    channel = channel_with_turns(overflow="drop", buffer=2)
    produce(channel, "ABCDE")
    assert text_of(channel) == "AB"


def test_a_gap_that_has_no_form_on_the_wire_is_not_told() -> None:
    channel = Drop(Turns(), Turns(), str.encode, tell_gap=lambda gap: b"", max_items=1)
    produce(channel, "AB")
    assert [channel.receive(0) for _ in range(2)] == [b"A", None]


# Error.


def test_error_loses_the_item_that_ends_the_stream() -> None:
    channel = channel_with_turns(overflow="error", buffer=2)
    with pytest.raises(StreamOverflow):
        send(channel, "ABC")
    assert channel.statistics == (2, 2, 0, 0, 0, 0)


# A strategy of the application.


class Impatient(Buffer):
    """A frame without room ends the stream for a reason of the strategy's own."""

    name = "impatient"
    loses = "patience"

    def _make_room(self, size: int) -> None:
        raise TimeoutError


def test_a_strategy_of_one_s_own_is_taken() -> None:
    channel = channel_with_turns(overflow=Impatient, max_buffer_bytes=1)
    with pytest.raises(TimeoutError):
        send(channel, "AB")


# Several senders.


@pytest.mark.parametrize("sides", ["threads", "thread beside greenlet"])
@pytest.mark.parametrize("strategy", [Block, Missing])
def test_many_threads_that_take_turns_keep_their_order(sides: str, strategy: Any) -> None:
    turn = threading.Lock()
    with switching_often(), open_channel(ALL_SIDES[sides], strategy) as (channel, *_):

        def produce(thread: int) -> None:
            for number in range(100):
                with turn:
                    channel.send(b"%d:%d " % (thread, number))

        def produce_all() -> None:
            threads = [threading.Thread(target=produce, args=(each,)) for each in range(32)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            channel.close("complete")

        producers = ALL_SIDES[sides].start(produce_all)
        received = [item.split(":") for item in text_of(channel).split()]
        producers.result()
    for thread in range(32):
        mine = [int(number) for name, number in received if int(name) == thread]
        assert mine == list(range(100))


def test_each_strategy_says_what_the_reader_loses() -> None:
    page = (Path(__file__).parents[2] / "docs" / "overflow.md").read_text()
    assert all(strategy.loses in page for strategy in STRATEGIES.values())

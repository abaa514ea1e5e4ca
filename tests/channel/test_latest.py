"""``Latest``: behind a full buffer only the newest item waits, or one that merges all."""

from __future__ import annotations

import operator
import tracemalloc
from typing import Any, Callable, List, Optional

import pytest

from flask_llmstream.channel.latest import Latest
from flask_llmstream.deltas import Delta, ToolCallDelta
from flask_llmstream.errors import StreamClosed, StreamOverflow
from flask_llmstream.records import Gap
from flask_llmstream.sse.event import ServerSentEvent
from tests.support.channel_sides import (
    ALL_SIDES,
    Sides,
    Turns,
    blocks_of,
    on_all_sides,
    open_channel,
    switching_often,
)
from tests.support.runtimes import HANG_GUARD

KIB = 1024


def told(gap: Gap) -> bytes:
    """The frame of a gap in these tests."""
    return b"<%d lost, %r to %r>" % (gap.lost, gap.first_id, gap.last_id)


def channel_with_turns(
    *turns: Callable[[], Any], encode: Callable[[Any], bytes] = str.encode, **options: Any
) -> Latest:
    """A channel in whose test no side waits, or ``turns`` run during the wait."""
    return Latest(Turns(*turns), Turns(), encode, **options)


def send(channel: Latest, *items: Any) -> None:
    for item in items:
        channel.send(item)


def blocks(channel: Latest) -> List[Optional[bytes]]:
    """The blocks that can be received now."""
    channel.close("complete")
    return list(iter(lambda: channel.receive(0), None))


# The slot.


def test_the_newest_item_waits_behind_the_buffer() -> None:
    channel = channel_with_turns(max_items=2)
    send(channel, *"ABCDE")
    assert blocks(channel) == [b"AB", b"E"]


def test_what_is_replaced_is_lost_and_counted() -> None:
    channel = channel_with_turns(max_items=2)
    send(channel, *"ABCDE")
    assert channel.statistics == (5, 2, 0, 0, 2, 0)
    channel.receive(0)
    channel.receive(0)
    assert channel.statistics == (5, 3, 3, 3, 2, 0)


def test_the_slot_moves_into_the_buffer_when_there_is_room() -> None:
    channel = channel_with_turns(max_items=2, max_bytes=100 * KIB)
    large = "A" * 32 * KIB
    send(channel, large, "B" * 32, "C")
    assert channel.receive(0) == large.encode()
    send(channel, *"DEF")
    assert blocks(channel) == [b"B" * 32 + b"C", b"F"]


def test_only_what_is_delivered_is_encoded() -> None:
    encoded: List[str] = []
    channel = channel_with_turns(
        encode=lambda item: encoded.append(item) or item.encode(), max_items=1
    )
    send(channel, *"ABCDE")
    assert encoded == ["A"]
    blocks(channel)
    assert encoded == ["A", "E"]


def test_the_end_comes_after_the_slot() -> None:
    channel = channel_with_turns(max_items=1)
    send(channel, *"AB")
    channel.close("complete")
    assert [channel.receive(0) for _ in range(3)] == [b"A", b"B", None]


def test_an_item_without_a_form_on_the_wire_is_no_block() -> None:
    channel = channel_with_turns(max_items=1)
    send(channel, "A", "")
    assert [channel.receive(0) for _ in range(2)] == [b"A", b""]
    assert blocks(channel) == []


def test_nor_does_it_wake_the_reader_whose_heartbeat_is_due() -> None:
    turns = Turns(lambda: channel.send(""), lambda: channel.send(""))
    channel = Latest(turns, Turns(), str.encode, max_items=1)
    assert channel.receive(1) == b""
    assert turns.timeouts == [1]


def test_what_can_t_be_encoded_is_told_who_reads_it() -> None:
    channel = channel_with_turns(max_items=1)
    send(channel, "A", 7)
    assert channel.receive(0) == b"A"
    with pytest.raises(TypeError):
        channel.receive(0)
    channel.close("error")
    assert channel.receive(0) is None


def test_what_can_t_be_encoded_is_told_who_sends_it_where_there_is_room() -> None:
    channel = channel_with_turns()
    with pytest.raises(TypeError):
        channel.send(7)


def test_nothing_is_sent_after_the_end() -> None:
    channel = channel_with_turns()
    channel.close("timeout")
    with pytest.raises(StreamClosed, match="timeout"):
        channel.send("A")
    assert channel.statistics == (0, 0, 0, 0, 0, 0)


def test_a_stalled_reader_costs_little_memory() -> None:
    channel = channel_with_turns()
    tracemalloc.start()
    try:
        for number in range(20_000):
            channel.send(f"the {number}th token with as many bytes round it as its frame has")
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert most < 64 * KIB
    assert channel.statistics.lost_items == 20_000 - 257


# Without a buffer.


def test_without_a_buffer_the_reader_who_waits_is_given_the_first() -> None:
    channel = channel_with_turns(lambda: send(channel, *"ABC"), max_items=0)
    assert channel.receive(HANG_GUARD) == b"A"
    assert blocks(channel) == [b"C"]


def test_without_a_buffer_the_reader_who_comes_later_is_given_the_newest() -> None:
    channel = channel_with_turns(max_items=0)
    send(channel, *"ABC")
    assert channel.receive(0) == b"C"


def test_a_reader_who_waits_in_vain_has_asked_for_nothing() -> None:
    channel = channel_with_turns(max_items=0)
    assert channel.receive(0) == b""
    send(channel, *"AB")
    assert blocks(channel) == [b"B"]


@on_all_sides
@pytest.mark.parametrize("max_items", [0, 1])
def test_an_item_wakes_the_reader_who_waits_for_it(sides: Sides, max_items: int) -> None:
    with open_channel(sides, Latest, str.encode, max_items=max_items) as (channel, readable, _):

        def produce() -> None:
            readable.somebody_waits()
            channel.send("A")

        producer = sides.start(produce)
        assert channel.receive(HANG_GUARD) == b"A"
        producer.result()


@on_all_sides
@pytest.mark.parametrize("max_items", [0, 1])
def test_no_wakeup_is_lost(sides: Sides, max_items: int) -> None:
    back = Latest(sides.writable(), sides.writable(), str.encode, max_items=max_items)
    opened = open_channel(sides, Latest, str.encode, max_items=max_items)
    with switching_often(), opened as (here, *_):

        def answer() -> None:
            for number in range(2000):
                here.send(str(number))
                assert back.receive(HANG_GUARD) == b"%d" % number

        other = sides.start(answer)
        for number in range(2000):
            assert here.receive(HANG_GUARD) == b"%d" % number
            back.send(str(number))
        other.result()
    back.discard("the test is over")


# Gaps.


def with_id(event_id: str) -> ServerSentEvent:
    return ServerSentEvent("data", id=event_id)


def id_of(event: ServerSentEvent) -> bytes:
    return str(event.id).encode()


def test_a_gap_is_told_before_the_item_behind_it() -> None:
    channel = channel_with_turns(max_items=1, tell_gap=told)
    send(channel, *"ABCD")
    assert blocks(channel) == [b"A", b"<2 lost, None to None>D"]


def test_a_gap_says_which_were_lost() -> None:
    channel = channel_with_turns(max_items=1, tell_gap=told, encode=id_of)
    send(channel, *map(with_id, "abcde"))
    assert blocks(channel) == [b"a", b"<3 lost, 'b' to 'd'>e"]


def test_a_gap_is_told_once() -> None:
    channel = channel_with_turns(max_items=1, tell_gap=told)
    send(channel, *"ABC")
    assert channel.receive(0) == b"A"
    assert channel.receive(0) == b"<1 lost, None to None>C"
    send(channel, *"DEFG")
    assert blocks(channel) == [b"D", b"<2 lost, None to None>G"]


def test_a_gap_moves_into_the_buffer_with_its_item() -> None:
    channel = channel_with_turns(max_items=1, max_bytes=100 * KIB, tell_gap=told)
    send(channel, *"ABC")
    channel.receive(0)
    channel.receive(0)
    send(channel, "D")
    assert blocks(channel) == [b"D"]


def test_nothing_is_told_unless_asked() -> None:
    channel = channel_with_turns(max_items=1)
    send(channel, *"ABCD")
    assert blocks(channel) == [b"A", b"D"]


# Merging.


def test_what_is_merged_is_not_lost() -> None:
    channel = channel_with_turns(max_items=1, coalesce=operator.add, tell_gap=told)
    send(channel, *"ABCD")
    assert channel.statistics == (4, 1, 0, 0, 0, 2)
    assert blocks(channel) == [b"A", b"BCD"]
    assert channel.statistics == (4, 4, 2, 4, 0, 2)


def test_what_has_room_is_not_merged() -> None:
    channel = channel_with_turns(coalesce=operator.add)
    send(channel, *"AB")
    assert channel.statistics.merged_items == 0
    assert blocks(channel) == [b"AB"]


def test_a_merged_item_is_what_the_function_makes() -> None:
    channel = channel_with_turns(
        encode=repr_of, max_items=0, coalesce=lambda previous, new: {**previous, **new}
    )
    send(channel, {"done": 1}, {"of": 3}, {"done": 2})
    assert blocks(channel) == [b"{'done': 2, 'of': 3}"]


def repr_of(item: Any) -> bytes:
    return repr(item).encode()


def joined(previous: ServerSentEvent, new: ServerSentEvent) -> ServerSentEvent:
    return ServerSentEvent(previous.data + new.data)


@pytest.mark.parametrize(
    "ids, last",
    [(["a", "b", "c"], b"c"), (["a", "b", None], b"b"), ([None, None], b"None"), (["a", ""], b"")],
)
def test_a_merged_event_carries_the_last_id(ids: List[Optional[str]], last: bytes) -> None:
    channel = channel_with_turns(encode=id_of, max_items=0, coalesce=joined)
    send(channel, *(ServerSentEvent("data", id=event_id) for event_id in ids))
    assert channel.receive(0) == last


def test_merged_text_that_outgrows_the_buffer_ends_the_stream() -> None:
    channel = channel_with_turns(max_items=1, max_bytes=10, coalesce=operator.add)
    send(channel, "A", "12345", "67890")
    with pytest.raises(StreamOverflow):
        channel.send("!")
    assert channel.statistics.sent_items == 3
    assert blocks(channel) == [b"A", b"1234567890"]


@pytest.mark.parametrize("text, fits", [("é" * 5, False), ("é" * 2, True), ("a" * 10, True)])
def test_text_beyond_ascii_counts_as_much_as_it_may_take(text: str, fits: bool) -> None:
    channel = channel_with_turns(max_items=0, max_bytes=10, coalesce=lambda previous, new: new)
    send(channel, "")
    if fits:
        send(channel, text)
    else:
        with pytest.raises(StreamOverflow):
            send(channel, text)


def test_merged_events_are_bounded_by_their_text() -> None:
    channel = channel_with_turns(encode=id_of, max_items=0, max_bytes=10, coalesce=joined)
    send(channel, ServerSentEvent("12345"), ServerSentEvent("67890"))
    with pytest.raises(StreamOverflow):
        send(channel, ServerSentEvent("!"))


@pytest.mark.parametrize(
    "delta",
    [
        Delta("123456"), Delta(reasoning="123456"), Delta(extra={"a": "123456"}),
        Delta(logprobs={"content": ["123"]}), Delta(tool_calls=[ToolCallDelta(arguments="123456")]),
    ],
)  # fmt: skip
def test_merged_deltas_are_bounded_by_all_that_they_say(delta: Delta) -> None:
    channel = channel_with_turns(max_items=0, max_bytes=50, coalesce=operator.add)
    with pytest.raises(StreamOverflow):
        send(channel, *[delta] * 50)


def test_a_merge_that_fails_is_told_who_sends_and_loses_nothing_accepted() -> None:
    channel = channel_with_turns(max_items=1, coalesce=operator.add)
    send(channel, *"AB")
    with pytest.raises(TypeError):
        channel.send(7)
    assert blocks(channel) == [b"A", b"B"]


# Two sides at once.


@on_all_sides
@pytest.mark.parametrize("max_items", [0, 1, 3])
def test_nothing_that_is_merged_is_lost_on_two_sides(sides: Sides, max_items: int) -> None:
    items = [f"{number} " for number in range(5000)]
    bounds = {"max_items": max_items, "max_bytes": 10**6}
    with switching_often(), open_channel(
        sides, Latest, str.encode, coalesce=operator.add, **bounds
    ) as (channel, *_):

        def produce() -> None:
            send(channel, *items)
            channel.close("complete")

        producer = sides.start(produce)
        assert b"".join(blocks_of(channel)).decode() == "".join(items)
        producer.result()


@pytest.mark.parametrize("sides", ["threads", "thread beside greenlet"])
def test_no_two_items_are_encoded_at_a_time(sides: str) -> None:
    encoding: List[str] = []

    def encode(item: str) -> bytes:
        assert not encoding
        encoding.append(item)
        frame = item.encode()
        assert encoding == [item]
        encoding.clear()
        return frame

    for max_items in (0, 1):
        with switching_often(), open_channel(
            ALL_SIDES[sides], Latest, encode, max_items=max_items
        ) as (channel, *_):

            def produce() -> None:
                send(channel, *map(str, range(5000)))
                channel.close("complete")

            producer = ALL_SIDES[sides].start(produce)
            last = blocks_of(channel)[-1]
            producer.result()
            assert last.endswith(b"4999")

"""``Channel``: every frame arrives once, in order and within bounds, and no wait is in vain."""

from __future__ import annotations

from itertools import zip_longest
from typing import Any, Callable, List, Optional

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flask_llmstream.channel.channel import BLOCK_BYTES, Channel, ChannelStatistics
from flask_llmstream.errors import StreamClosed
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


def channel_with_turns(*turns: Callable[[], Any], **bounds: Any) -> Channel:
    """A channel in whose test no side waits, or ``turns`` run during the wait."""
    return Channel(Turns(), Turns(*turns), **bounds)


def sent_until_refused(channel: Channel, *frames: bytes) -> Callable[[], str]:
    """A function that sends these frames, and returns the reason why the last was refused."""

    def send() -> str:
        for frame in frames[:-1]:
            channel.send(frame)
        with pytest.raises(StreamClosed) as refused:
            channel.send(frames[-1])
        return refused.value.reason

    return send


# Order, and how much one block joins.


def test_all_that_waits_is_received_as_one_block_in_order() -> None:
    channel = channel_with_turns()
    for frame in (b"1", b"22", b"333"):
        channel.send(frame)
    assert channel.receive() == b"122333"


def test_a_block_joins_up_to_32_kib() -> None:
    channel = channel_with_turns()
    for frame in (b"1" * 16 * KIB, b"2" * 16 * KIB, b"3"):
        channel.send(frame)
    assert channel.receive() == b"1" * 16 * KIB + b"2" * 16 * KIB
    assert channel.receive() == b"3"


def test_a_frame_is_never_cut() -> None:
    channel = channel_with_turns()
    for frame in (b"1" * 20 * KIB, b"2" * 20 * KIB, b"3"):
        channel.send(frame)
    assert channel.receive() == b"1" * 20 * KIB
    assert channel.receive() == b"2" * 20 * KIB + b"3"


def test_a_frame_larger_than_a_block_comes_alone() -> None:
    channel = channel_with_turns()
    for frame in (b"1", b"2" * 40 * KIB, b"3"):
        channel.send(frame)
    assert [channel.receive() for _ in range(3)] == [b"1", b"2" * 40 * KIB, b"3"]


sizes = st.integers(1, 100) | st.integers(1, 40 * KIB)
lists_of_frames = st.lists(sizes, max_size=20).map(
    lambda drawn: [bytes([index]) * size for index, size in enumerate(drawn)]
)


def frames_in(block: bytes, frames: List[bytes]) -> int:
    """The number of frames, from the first on, that make the block."""
    count, size = 0, 0
    while size < len(block):
        size += len(frames[count])
        count += 1
    assert b"".join(frames[:count]) == block
    return count


@given(lists_of_frames)
def test_each_block_joins_as_many_whole_frames_as_fit(frames: List[bytes]) -> None:
    channel = channel_with_turns(max_bytes=2**30)
    for frame in frames:
        channel.send(frame)
    channel.close("complete")
    left = list(frames)
    for block in blocks_of(channel):
        count = frames_in(block, left)
        del left[:count]
        assert len(block) <= BLOCK_BYTES or count == 1
        assert not left or len(block) + len(left[0]) > BLOCK_BYTES
    assert left == []


# Bounds.


@on_all_sides
def test_the_producer_waits_when_as_many_frames_wait_as_may(sides: Sides) -> None:
    with open_channel(sides, max_items=2) as (channel, _, writable):
        producer = sides.start(lambda: [channel.send(frame) for frame in (b"1", b"2", b"3")])
        writable.somebody_waits()
        assert channel.statistics.sent_items == 2
        assert channel.receive() == b"12"
        producer.result()
        assert channel.receive() == b"3"


@on_all_sides
def test_the_producer_waits_when_as_many_bytes_wait_as_may(sides: Sides) -> None:
    with open_channel(sides, max_bytes=10) as (channel, _, writable):
        frames = (b"12345", b"67890", b"!")
        producer = sides.start(lambda: [channel.send(frame) for frame in frames])
        writable.somebody_waits()
        assert channel.statistics.sent_bytes == 10
        assert channel.receive() == b"1234567890"
        producer.result()
        assert channel.receive() == b"!"


@on_all_sides
def test_one_oversized_frame_may_enter_an_empty_channel(sides: Sides) -> None:
    with open_channel(sides, max_bytes=10) as (channel, _, writable):
        producer = sides.start(lambda: [channel.send(frame) for frame in (b"1" * 99, b"2")])
        writable.somebody_waits()
        assert channel.receive() == b"1" * 99
        producer.result()
        assert channel.receive() == b"2"


@on_all_sides
def test_an_oversized_frame_waits_for_an_empty_channel(sides: Sides) -> None:
    with open_channel(sides, max_bytes=10) as (channel, _, writable):
        producer = sides.start(lambda: [channel.send(frame) for frame in (b"1", b"2" * 99)])
        writable.somebody_waits()
        assert channel.receive() == b"1"
        producer.result()
        assert channel.receive() == b"2" * 99


def test_the_producer_goes_on_waiting_while_too_little_was_read() -> None:
    read: List[Optional[bytes]] = []

    def reads() -> None:
        read.append(channel.receive())

    channel = channel_with_turns(reads, reads, max_bytes=100 * KIB)
    for frame in (b"1" * 32 * KIB, b"2" * 32 * KIB, b"3" * 32 * KIB, b"4" * 60 * KIB):
        channel.send(frame)
    assert read == [b"1" * 32 * KIB, b"2" * 32 * KIB]


def test_a_channel_holds_256_frames_and_256_kib_unless_told_otherwise() -> None:
    full: List[int] = []

    def reads() -> None:
        full.append(channel.statistics.sent_items - channel.statistics.received_items)
        channel.receive()

    channel = channel_with_turns(reads, reads)
    for _ in range(257):
        channel.send(b"1")
    channel.receive()
    for _ in range(65):
        channel.send(b"1" * 4 * KIB)
    assert full == [256, 64]


# Waiting for a frame.


@on_all_sides
def test_the_reader_waits_for_the_first_frame(sides: Sides) -> None:
    with open_channel(sides) as (channel, readable, _):

        def produce() -> None:
            readable.somebody_waits()
            channel.send(b"1")

        producer = sides.start(produce)
        assert channel.receive(HANG_GUARD) == b"1"
        producer.result()


@on_all_sides
@pytest.mark.parametrize("timeout", [0, 0.01])
def test_a_reader_with_a_timeout_gets_nothing_when_it_runs_out(
    sides: Sides, timeout: float
) -> None:
    with open_channel(sides) as (channel, *_):
        assert channel.receive(timeout) == b""
        assert channel.receive(timeout) == b""


def test_what_waits_already_is_not_waited_for() -> None:
    readable = Turns()
    channel = Channel(readable, Turns())
    channel.send(b"1")
    assert channel.receive(15) == b"1"
    assert readable.timeouts == []


def test_the_timeout_is_the_wakeup_s() -> None:
    readable = Turns()
    assert Channel(readable, Turns()).receive(15) == b""
    assert readable.timeouts == [15]


def test_a_wakeup_without_a_frame_is_neither_a_frame_nor_the_end() -> None:
    readable = Turns(lambda: readable.set(), lambda: channel.send(b"1"))
    channel = Channel(readable, Turns())
    assert channel.receive() == b"1"


def test_a_producer_wakes_nobody_who_has_stopped_waiting() -> None:
    readable = Turns()
    channel = Channel(readable, Turns())
    assert channel.receive(0) == b""
    channel.send(b"1")
    assert channel.receive(0) == b"1"
    assert channel.receive(0) == b""
    assert len(readable.timeouts) == 2


# The end.


def test_what_waits_is_received_before_the_end() -> None:
    channel = channel_with_turns()
    channel.send(b"1")
    channel.close("complete")
    assert [channel.receive() for _ in range(3)] == [b"1", None, None]


@on_all_sides
def test_the_end_wakes_a_waiting_reader(sides: Sides) -> None:
    with open_channel(sides) as (channel, readable, _):

        def produce() -> None:
            readable.somebody_waits()
            channel.close("complete")

        producer = sides.start(produce)
        assert channel.receive(HANG_GUARD) is None
        producer.result()


@on_all_sides
@pytest.mark.parametrize("end", [Channel.close, Channel.discard])
def test_the_end_frees_a_waiting_producer(sides: Sides, end: Callable[..., None]) -> None:
    with open_channel(sides, max_items=1) as (channel, _, writable):
        producer = sides.start(sent_until_refused(channel, b"1", b"2"))
        writable.somebody_waits()
        end(channel, "timeout")
        assert producer.result() == "timeout"


@pytest.mark.parametrize("end", [Channel.close, Channel.discard])
def test_nothing_is_sent_after_the_end(end: Callable[..., None]) -> None:
    channel = channel_with_turns()
    end(channel, "shutdown")
    assert sent_until_refused(channel, b"1")() == "shutdown"
    assert channel.receive() is None


@pytest.mark.parametrize("end", [Channel.close, Channel.discard])
def test_the_first_reason_stays(end: Callable[..., None]) -> None:
    channel = channel_with_turns()
    end(channel, "timeout")
    channel.close("complete")
    channel.discard("disconnect")
    assert sent_until_refused(channel, b"1")() == "timeout"


def test_what_waits_is_dropped_when_nobody_will_read_it() -> None:
    channel = channel_with_turns()
    channel.send(b"1")
    channel.discard("disconnect")
    assert channel.receive() is None


def test_what_waits_after_the_end_can_still_be_dropped() -> None:
    channel = channel_with_turns()
    channel.send(b"1")
    channel.close("complete")
    channel.discard("disconnect")
    assert channel.receive() is None


def test_the_reader_s_timers_are_let_go_of_when_nobody_reads() -> None:
    readable = Turns()
    channel = Channel(readable, Turns())
    channel.close("complete")
    assert not readable.is_closed
    channel.discard("disconnect")
    assert readable.is_closed


class FrameAtWhichTheReaderLeaves(bytes):
    """A queue that discards the channel when its size is read again: in the middle of a receive."""

    channel: Channel
    asked = 0

    def __len__(self) -> int:
        self.asked += 1
        if self.asked == 2:
            self.channel.discard("disconnect")
        return super().__len__()


def test_what_waits_can_be_dropped_in_the_middle_of_a_receive() -> None:
    channel = channel_with_turns()
    frame = FrameAtWhichTheReaderLeaves(b"2")
    frame.channel = channel
    for each in (b"1" * 20 * KIB, frame, b"3" * 20 * KIB):
        channel.send(each)
    channel.receive()
    assert channel.receive() is None


# Statistics.


def test_frames_and_bytes_are_counted_on_both_sides() -> None:
    channel = channel_with_turns()
    assert channel.statistics == ChannelStatistics(0, 0, 0, 0)
    for frame in (b"1" * 20 * KIB, b"2" * 10 * KIB, b"3" * 10 * KIB):
        channel.send(frame)
    assert channel.statistics == ChannelStatistics(3, 40 * KIB, 0, 0)
    channel.receive()
    assert channel.statistics == ChannelStatistics(3, 40 * KIB, 2, 30 * KIB)
    channel.receive()
    assert channel.statistics == ChannelStatistics(3, 40 * KIB, 3, 40 * KIB)


def test_what_was_dropped_had_been_sent() -> None:
    channel = channel_with_turns()
    for frame in (b"1" * 20 * KIB, b"2" * 20 * KIB):
        channel.send(frame)
    channel.receive()
    channel.discard("disconnect")
    assert channel.statistics == ChannelStatistics(2, 40 * KIB, 1, 20 * KIB)


def test_what_was_refused_was_not_sent() -> None:
    channel = channel_with_turns()
    channel.close("complete")
    sent_until_refused(channel, b"1")()
    assert channel.statistics == ChannelStatistics(0, 0, 0, 0)


# Two sides at once.


@on_all_sides
@settings(max_examples=50)
@given(
    frames=lists_of_frames,
    max_items=st.integers(1, 5),
    max_bytes=st.integers(1, 100) | st.integers(1, 64 * KIB),
)
def test_every_frame_arrives_once_and_in_order(
    sides: Sides, frames: List[bytes], max_items: int, max_bytes: int
) -> None:
    bounds = {"max_items": max_items, "max_bytes": max_bytes}
    with switching_often(), open_channel(sides, **bounds) as (channel, *_):

        def produce() -> None:
            for frame in frames:
                channel.send(frame)
            channel.close("complete")

        producer = sides.start(produce)
        assert b"".join(blocks_of(channel)) == b"".join(frames)
        producer.result()
        total = len(b"".join(frames))
        assert channel.statistics == ChannelStatistics(len(frames), total, len(frames), total)


@on_all_sides
def test_no_wakeup_is_lost(sides: Sides) -> None:
    frames = [b"%d\n" % index for index in range(5000)]
    with switching_often(), open_channel(sides, max_items=1) as (channel, *_):

        def produce() -> None:
            for frame in frames:
                channel.send(frame)
            channel.close("complete")

        producer = sides.start(produce)
        received = b"".join(blocks_of(channel)).splitlines(keepends=True)
        producer.result()
    for got, sent in zip_longest(received, frames):
        assert got == sent


@pytest.mark.parametrize("sides", ["threads", "thread beside greenlet"])
def test_no_block_outgrows_its_bound_while_more_is_sent(sides: str) -> None:
    longest = 0
    for _ in range(300):
        with switching_often(), open_channel(ALL_SIDES[sides], max_items=1000) as (channel, *_):

            def produce() -> None:
                for _ in range(200):
                    channel.send(b"1" * KIB)
                channel.close("complete")

            producer = ALL_SIDES[sides].start(produce)
            longest = max(longest, *map(len, blocks_of(channel)))
            producer.result()
    assert longest <= BLOCK_BYTES


@pytest.mark.parametrize("max_items", [1, 1000])
def test_a_reader_who_leaves_at_any_time_ends_both_sides(max_items: int) -> None:
    sides = ALL_SIDES["threads"]
    for _ in range(300):
        with switching_often(), open_channel(sides, max_items=max_items) as (channel, *_):

            def produce() -> str:
                with pytest.raises(StreamClosed) as refused:
                    while True:
                        channel.send(b"1" * KIB)
                return refused.value.reason

            producer = sides.start(produce)
            assert channel.receive(HANG_GUARD)
            leaver = sides.start(lambda: channel.discard("disconnect"))
            for _ in iter(lambda: channel.receive(HANG_GUARD), None):
                pass
            leaver.result()
            assert producer.result() == "disconnect"

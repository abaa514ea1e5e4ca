"""What happens to an item that finds no room: each strategy, and how it is asked for."""

from __future__ import annotations

import threading
from typing import Any

import pytest

from flask_llmstream.channel import Channel
from flask_llmstream.errors import ConfigurationError, StreamClosed
from flask_llmstream.overflow import Block, Overflow, OverflowStrategy
from flask_llmstream.wakeup import ThreadWakeup

HANG_GUARD = 20
STRATEGIES = [value for value in vars(Overflow).values() if isinstance(value, OverflowStrategy)]


def opened(overflow: OverflowStrategy) -> Channel:
    """A channel with room for one frame."""
    return Channel(ThreadWakeup(), ThreadWakeup(), max_items=1, overflow=overflow)


# How a strategy is asked for.


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_each_strategy_has_its_name(strategy: OverflowStrategy) -> None:
    assert Overflow.named(strategy.name) is strategy
    assert getattr(Overflow, strategy.name.upper()) is strategy


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_a_strategy_is_itself(strategy: OverflowStrategy) -> None:
    assert Overflow.named(strategy) is strategy


@pytest.mark.parametrize("wrong", ["bloc", "BLOCK", "named", "", None, 1, True, Block, ["block"]])
def test_what_is_no_strategy_is_told_the_ones_there_are(wrong: Any) -> None:
    with pytest.raises(ConfigurationError, match="^overflow: .* is none of block") as refused:
        Overflow.named(wrong)
    assert repr(wrong) in str(refused.value)


# Block.


def test_block_loses_nothing() -> None:
    channel = opened(Overflow.BLOCK)
    frames = [b"%d" % index for index in range(100)]

    def produce() -> None:
        for frame in frames:
            channel.send(frame)
        channel.close("complete")

    producer = threading.Thread(target=produce, daemon=True)
    producer.start()
    received = list(iter(lambda: channel.receive(HANG_GUARD), None))
    producer.join(HANG_GUARD)
    assert received == frames


def test_block_returns_at_once_where_there_is_room() -> None:
    channel = opened(Overflow.BLOCK)
    Overflow.BLOCK.make_room(channel, 1)
    assert channel.receive(0) == b""


def test_block_waits_for_no_room_in_a_stream_that_has_ended() -> None:
    channel = opened(Overflow.BLOCK)
    channel.send(b"1")
    channel.close("timeout")
    with pytest.raises(StreamClosed) as refused:
        Overflow.BLOCK.make_room(channel, 1)
    assert refused.value.reason == "timeout"


# A strategy of one's own.


class Ending(OverflowStrategy):
    """The first frame without room ends the stream."""

    name = "ending"

    def make_room(self, channel: Channel, size: int) -> None:
        channel.close("overflow")
        raise StreamClosed("overflow")


def test_a_strategy_is_asked_when_a_frame_finds_no_room() -> None:
    channel = opened(Ending())
    channel.send(b"1")
    with pytest.raises(StreamClosed):
        channel.send(b"2")
    assert [channel.receive(), channel.receive()] == [b"1", None]


def test_a_strategy_has_to_say_what_it_does() -> None:
    class Silent(OverflowStrategy):
        name = "silent"

    with pytest.raises(TypeError, match="make_room"):
        Silent()  # type: ignore[abstract]

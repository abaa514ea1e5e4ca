"""``LossyChannel``: only an item with room is encoded; a lost item costs nothing."""

from __future__ import annotations

from collections import deque
from typing import Any, Callable, Deque, List

import pytest

from flask_llmstream.channel.lossy import LossyChannel, with_lost
from flask_llmstream.errors import StreamClosed
from flask_llmstream.records import Gap
from flask_llmstream.runtime.atomic import try_pop
from flask_llmstream.sse.event import ServerSentEvent
from tests.support.channel_sides import Sides, Turns, on_all_sides, open_channel
from tests.support.runtimes import HANG_GUARD


class Noting(LossyChannel):
    """Notes what it refuses.

    :ivar encoded: each item it had encoded.
    """

    def __init__(self, readable: Any, writable: Any, *turns: Callable[[], Any], **bounds: Any):
        super().__init__(readable, writable, self._noted, **bounds)
        self.encoded: List[str] = []
        self.refused: List[str] = []

    def _noted(self, item: str) -> bytes:
        self.encoded.append(item)
        return item.encode()

    def _refuse(self, item: str) -> None:
        self.refused.append(item)


def channel_with_turns(*turns: Callable[[], Any], **bounds: Any) -> Noting:
    """A channel in whose test no side waits, or ``turns`` run during the wait."""
    return Noting(Turns(*turns), Turns(), **bounds)


def test_it_takes_items() -> None:
    assert LossyChannel.encodes


def test_an_item_with_room_is_encoded_and_received() -> None:
    channel = channel_with_turns()
    for item in ("one", "two"):
        channel.send(item)
    assert channel.encoded == ["one", "two"]
    assert channel.receive(0) == b"onetwo"


def test_an_item_without_room_is_not_encoded() -> None:
    channel = channel_with_turns(max_items=1)
    for item in ("one", "two"):
        channel.send(item)
    assert (channel.encoded, channel.refused) == (["one"], ["two"])


def test_there_is_room_for_256_items_and_256_kib_unless_told_otherwise() -> None:
    channel = channel_with_turns()
    for _ in range(257):
        channel.send("1")
    assert len(channel.encoded) == 256
    channel.receive(0)
    for _ in range(65):
        channel.send("1" * 4096)
    assert len(channel.encoded) == 256 + 64


def test_the_last_item_to_enter_may_go_past_the_bytes() -> None:
    channel = channel_with_turns(max_bytes=10)
    for item in ("1" * 9, "2" * 9, "3"):
        channel.send(item)
    assert channel.refused == ["3"]


def test_one_oversized_item_may_enter_an_empty_channel() -> None:
    channel = channel_with_turns(max_bytes=10)
    for item in ("1" * 99, "2"):
        channel.send(item)
    assert channel.receive(0) == b"1" * 99
    assert channel.refused == ["2"]


def test_an_item_without_a_form_on_the_wire_takes_no_room() -> None:
    channel = channel_with_turns(max_items=1)
    for item in ("", "", "one"):
        channel.send(item)
    assert channel.receive(0) == b"one"
    assert channel.statistics.sent_items == 1


def test_what_can_t_be_encoded_is_told_who_sends_it() -> None:
    channel = channel_with_turns()
    with pytest.raises(AttributeError):
        channel.send(7)
    assert channel.statistics.sent_items == 0


def test_nothing_is_sent_after_the_end() -> None:
    channel = channel_with_turns()
    channel.close("timeout")
    with pytest.raises(StreamClosed, match="timeout"):
        channel.send("one")
    assert (channel.encoded, channel.refused) == ([], [])


# Without a buffer.


def test_without_a_buffer_there_is_room_while_the_reader_waits() -> None:
    channel = channel_with_turns(lambda: channel.send("one"), max_items=0)
    assert channel.receive(HANG_GUARD) == b"one"


def test_without_a_buffer_there_is_no_room_when_nobody_waits() -> None:
    channel = channel_with_turns(max_items=0)
    channel.send("one")
    assert channel.receive(0) == b""
    channel.send("two")
    assert channel.refused == ["one", "two"]


def test_without_a_buffer_one_reader_is_room_for_one_item() -> None:
    def sends() -> None:
        for item in ("one", "two"):
            channel.send(item)

    channel = channel_with_turns(sends, max_items=0)
    assert channel.receive(HANG_GUARD) == b"one"
    assert channel.refused == ["two"]


@on_all_sides
def test_an_item_wakes_the_reader_who_waits_for_it(sides: Sides) -> None:
    with open_channel(sides, Noting, max_items=0) as (channel, readable, _):

        def produce() -> None:
            readable.somebody_waits()
            while not channel.encoded:  # the event is set a moment before it waits
                channel.send("one")

        producer = sides.start(produce)
        assert channel.receive(HANG_GUARD) == b"one"
        producer.result()


# A slot that both sides empty.


class Contested(Deque[str]):
    """A slot that the other side empties between the look and the pop."""

    def pop(self) -> str:  # type: ignore[override]
        self.clear()
        return super().pop()


@pytest.mark.parametrize("slot", [deque(), Contested(["one"])], ids=["empty", "contested"])
def test_nothing_is_taken_where_nothing_is(slot: Deque[str]) -> None:
    assert try_pop(slot) is None


def test_what_is_taken_is_gone() -> None:
    slot = deque(["one"])
    assert try_pop(slot) == "one"
    assert try_pop(slot) is None


# How a gap grows.


def with_id(event_id: str) -> ServerSentEvent:
    return ServerSentEvent("data", id=event_id)


@pytest.mark.parametrize(
    "items, gap",
    [
        (["one"], Gap(1)),
        (["one", {"two": 2}, ServerSentEvent("three")], Gap(3)),
        ([with_id("a")], Gap(1, "a", "a")),
        ([with_id("a"), with_id("b"), with_id("c")], Gap(3, "a", "c")),
        (["one", with_id("b"), "three", with_id("d"), "five"], Gap(5, "b", "d")),
        ([with_id(""), with_id("b")], Gap(2, "", "b")),
    ],
    ids=str,
)
def test_a_gap_knows_how_many_and_which(items: List[Any], gap: Gap) -> None:
    grown = None
    for item in items:
        grown = with_lost(grown, item)
    assert grown == gap

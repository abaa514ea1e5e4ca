"""In every order of events each strategy keeps the items' order and accounts for each item.

The reader can check that: items are numbered, and a gap says how many are missing.
"""

from __future__ import annotations

import operator
import re
from typing import Any, Callable, Dict, List, NamedTuple

import gevent
import gevent.queue
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import flask_llmstream.channel.channel
from flask_llmstream.channel import latest, lossy, overflow
from flask_llmstream.channel.channel import Channel, ChannelConfig
from flask_llmstream.errors import StreamClosed, StreamOverflow
from flask_llmstream.records import Gap
from flask_llmstream.runtime import atomic
from flask_llmstream.runtime.wakeup import Wakeup
from flask_llmstream.runtime.wakeups import GreenletWakeup
from flask_llmstream.stream.options import StreamOptions
from tests.support.channel_sides import ALL_SIDES, Sides, on_all_sides, switching_often
from tests.support.lockstep import Lockstep
from tests.support.runtimes import HANG_GUARD

STRATEGIES = [*overflow.STRATEGIES, "merging"]
LOSING = ["drop", "latest"]
PRODUCER, READER = 0, 1


def options_of(strategy: str, **options: Any) -> StreamOptions:
    if strategy == "merging":
        return StreamOptions(overflow="latest", coalesce=operator.add, gaps=True, **options)
    return StreamOptions(overflow=strategy, gaps=True, **options)


def told(gap: Gap) -> bytes:
    return b"<%d>" % gap.lost


class Sender:
    """The producer's side. It numbers its items, and ends as a stream does.

    :ivar sent: the number of sends that succeeded.
    """

    def __init__(self, channel: Channel) -> None:
        self._channel: Any = channel
        self.sent = 0
        self.refused = False

    def send(self, size: int = 0) -> None:
        item = f"{self.sent}{'.' * size} "
        try:
            self._channel.send(item if self._channel.encodes else item.encode())
            self.sent += 1
        except StreamOverflow:
            self.end("overflow")
        except StreamClosed:
            self.refused = True

    def end(self, reason: str = "complete") -> None:
        self._channel.close(reason)


def create_channel(strategy: str, readable: Wakeup, writable: Wakeup, **options: Any) -> Channel:
    said = options_of(strategy, **options)
    config = ChannelConfig(readable, writable, encode_one_at_a_time(), told, said)
    return overflow.Overflow.named(said.overflow).create(config)


def encode_one_at_a_time() -> Callable[[str], bytes]:
    encoding: List[str] = []

    def encode(item: str) -> bytes:
        encoding.append(item)
        frame = item.encode()
        assert encoding == [item], "two are encoded at a time"
        encoding.clear()
        return frame

    return encode


def account(received: bytes) -> "tuple[int, int]":
    """The number of items that came, and of those reported as lost, in order."""
    came = lost = 0
    for gap, number in re.findall(rb"<(\d+)>|(\d+)\.* ", received):
        if gap:
            lost += int(gap)
        else:
            assert int(number) == came + lost, "each number is where it has to be"
            came += 1
    return came, lost


def check_account(strategy: str, received: bytes, sent: int, channel: Channel) -> None:
    """Each item was received, or lost and reported."""
    came, lost = account(received)
    counts = channel.statistics
    assert came + lost == sent == counts.sent_items
    assert lost == counts.lost_items
    assert strategy in LOSING or not lost


# One side after the other, in any order.


class Step(NamedTuple):
    """The next step of one side."""

    side: str
    do: Callable[[Any], Any]

    def __repr__(self) -> str:
        return self.side


sends = st.integers(0, 30).map(lambda size: Step("sender", lambda sender: sender.send(size)))
reads = st.just(Step("reader", lambda reader: reader()))
turns = st.just(Step("turn", lambda _: None))
ends = st.just(Step("sender", lambda sender: sender.end()))
stories = st.lists(st.one_of(sends, sends, reads, turns), max_size=40)


class Players:
    """Both sides on greenlets. They carry out steps, each at its own pace."""

    def __init__(self, channel: Channel) -> None:
        self.sender = Sender(channel)
        self.blocks: List[bytes] = []
        self._channel = channel
        self._tasks: Dict[str, Any] = {}
        self._greenlets = [
            self._start("sender", lambda do: do(self.sender)),
            self._start("reader", lambda do: do(self._read)),
        ]

    def _start(self, side: str, play: Callable[[Any], None]) -> Any:
        tasks = self._tasks[side] = gevent.queue.Queue()
        return gevent.spawn(lambda: [play(do) for do in iter(tasks.get, None)])

    def _read(self) -> bool:
        block = self._channel.receive(HANG_GUARD)
        self.blocks.append(block or b"")
        return block is not None

    def play(self, story: List[Step], check: Callable[[], None]) -> None:
        for step in story:
            if step.side == "turn":
                for _ in range(3):  # to wake, to run, to have the other side woken
                    gevent.sleep(0)
            else:
                self._tasks[step.side].put(step.do)
            check()

    def finish(self) -> bytes:
        """All received bytes, after the end."""
        self._tasks["sender"].put(lambda sender: sender.end())
        self._tasks["reader"].put(lambda read: all(iter(read, False)))
        for tasks in self._tasks.values():
            tasks.put(None)
        gevent.joinall(self._greenlets, timeout=HANG_GUARD, raise_error=True)
        assert all(greenlet.ready() for greenlet in self._greenlets), "it hangs"
        self._channel.discard("the test is over")
        return b"".join(self.blocks)


def waiting(channel: Channel) -> int:
    counts = channel.statistics
    received = counts.received_items + counts.lost_items + counts.merged_items
    return counts.sent_items - received


def within_bounds(channel: Channel, options: StreamOptions) -> Callable[[], None]:
    """A check that raises where the channel holds more than its bounds."""
    largest = 40
    items = {"buffer": 10**6, "latest": options.buffer + 1}.get(options.overflow, options.buffer)
    limit = options.max_buffer_bytes if options.overflow == "buffer" else options.buffer_bytes

    def check() -> None:
        counts = channel.statistics
        assert 0 <= waiting(channel) <= max(items, 1) + (options.overflow == "latest")
        assert counts.sent_bytes - counts.received_bytes <= limit + largest

    return check


@pytest.mark.parametrize("strategy", STRATEGIES)
@settings(max_examples=100)
@given(story=stories, buffer=st.integers(0, 4), size=st.integers(1, 100))
def test_every_item_is_received_or_lost_and_told(
    strategy: str, story: List[Step], buffer: int, size: int
) -> None:
    bounds = {"buffer": buffer, "buffer_bytes": size, "max_buffer_bytes": size}
    channel = create_channel(strategy, GreenletWakeup(), GreenletWakeup(), **bounds)
    players = Players(channel)
    players.play(story, within_bounds(channel, options_of(strategy, **bounds)))
    check_account(strategy, players.finish(), players.sender.sent, channel)


# Two sides at once.


@on_all_sides
@pytest.mark.parametrize("strategy", STRATEGIES)
@pytest.mark.parametrize("buffer", [0, 1, 5])
def test_a_fast_producer_s_items_are_all_accounted_for(
    sides: Sides, strategy: str, buffer: int
) -> None:
    channel = create_channel(strategy, sides.readable(), sides.writable(), buffer=buffer)
    sender = Sender(channel)

    def produce() -> None:
        for _ in range(2000):
            sender.send()
        sender.end()

    with switching_often():
        producer = sides.start(produce)
        received = b"".join(iter(lambda: channel.receive(HANG_GUARD), None))
        producer.result()
    channel.discard("the test is over")
    check_account(strategy, received, sender.sent, channel)


@pytest.mark.parametrize("strategy", STRATEGIES)
@pytest.mark.parametrize("buffer", [0, 3])
def test_an_end_at_any_time_ends_both_sides(strategy: str, buffer: int) -> None:
    sides = ALL_SIDES["threads"]
    for _ in range(50):
        channel = create_channel(strategy, sides.readable(), sides.writable(), buffer=buffer)
        sender = Sender(channel)

        def produce() -> None:
            while not sender.refused:
                sender.send()

        with switching_often():
            producer = sides.start(produce)
            blocks = [channel.receive(HANG_GUARD) or b""]
            ender = sides.start(lambda: channel.close("timeout"))
            blocks.extend(iter(lambda: channel.receive(HANG_GUARD), None))
            ender.result()
            producer.result()
        channel.discard("the test is over")
        account(b"".join(blocks))


MODULES = [flask_llmstream.channel.channel, lossy, latest, overflow, atomic]
UNDER_TEST = [__file__, *(str(module.__file__) for module in MODULES)]


@pytest.mark.parametrize("strategy", STRATEGIES)
@pytest.mark.parametrize("buffer", [0, 1])
def test_wherever_one_side_is_the_other_may_go_on(strategy: str, buffer: int) -> None:
    subtle = strategy in ("latest", "merging")
    for seed in range(700 if subtle else 100):
        play(Lockstep(seed, UNDER_TEST), strategy, buffer)


def play(lockstep: Lockstep, strategy: str, buffer: int) -> None:
    wakeups = lockstep.wakeup(READER), lockstep.wakeup(PRODUCER)
    channel = create_channel(strategy, *wakeups, buffer=buffer)
    sender = Sender(channel)
    blocks: List[bytes] = []

    def produce() -> None:
        for _ in range(4):
            sender.send()
        sender.end()

    lockstep.run(produce, lambda: blocks.extend(iter(lambda: channel.receive(15), None)))
    check_account(strategy, b"".join(blocks), sender.sent, channel)

"""The cost of an overflow strategy to its producer, and its memory while the reader stands still.

``python -m benchmarks.overflow``: sends as fast as one producer can, straight into the channel,
each item a small mapping in the message format. Beside a reader who keeps up, then without one.
"""

from __future__ import annotations

import argparse
import operator
import time
import tracemalloc
from typing import Any, Callable, NamedTuple

from flask_llmstream.channel.channel import Channel, ChannelConfig
from flask_llmstream.channel.overflow import Overflow
from flask_llmstream.errors import StreamOverflow
from flask_llmstream.formats.message import MessageFormat
from flask_llmstream.runtime.wakeups import ThreadWakeup
from flask_llmstream.stream.options import StreamOptions

ROUNDS = 7
AT_A_TIME = 200
"""Sends between two looks: of the reader, and on the clock."""

MAPPING = {"ended": False, "message": "token"}
KEEPS_UP = ("block", "buffer", "drop", "latest", "error")


class Case(NamedTuple):
    """One line of the table."""

    name: str
    options: StreamOptions
    item: Any = MAPPING
    is_read: bool = False


def cases() -> "list[Case]":
    merging = {"overflow": "latest", "coalesce": operator.add}
    return [
        *(Case(f"{name}, read", StreamOptions(overflow=name), is_read=True) for name in KEEPS_UP),
        Case("buffer", StreamOptions(overflow="buffer")),
        Case("drop", StreamOptions(overflow="drop")),
        Case("drop, gaps", StreamOptions(overflow="drop", gaps=True)),
        Case("latest", StreamOptions(overflow="latest")),
        Case("latest, gaps", StreamOptions(overflow="latest", gaps=True)),
        Case("latest, coalesce", StreamOptions(**merging), "token"),
    ]


def create(options: StreamOptions) -> Channel:
    format = MessageFormat()
    config = ChannelConfig(ThreadWakeup(), ThreadWakeup(), format.item, format.gap, options)
    return Overflow.named(options.overflow).create(config)


def sending(channel: Channel, item: Any) -> Callable[[], None]:
    """A function that sends some items, as a stream does."""
    send: Callable[[Any], None] = channel.send
    encode = MessageFormat().item

    def send_items() -> None:
        for _ in range(AT_A_TIME):
            send(item)

    def send_frames() -> None:
        for _ in range(AT_A_TIME):
            send(encode(item))

    return send_items if channel.encodes else send_frames


def run(case: Case, channel: Channel, seconds: float) -> float:
    """Send for ``seconds``, or to the stream's end; returns the sends a second."""
    send_some = sending(channel, case.item)
    begin = now = time.perf_counter()
    sent = 0
    while now < begin + seconds:
        try:
            send_some()
        except StreamOverflow:
            break
        while case.is_read and channel.receive(0):
            pass
        sent += AT_A_TIME
        now = time.perf_counter()
    return sent / (now - begin)


def kept(case: Case, seconds: float) -> "tuple[Channel, int]":
    """A channel, and the most memory that it took meanwhile, in bytes."""
    tracemalloc.start()
    try:
        channel = create(case.options)
        run(case, channel, seconds)
        return channel, tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.overflow", description=__doc__)
    parser.add_argument("--seconds", type=float, default=1, help="of sending, for the memory (1)")
    seconds = parser.parse_args().seconds
    print(f"{'strategy':18}{'sends a second':>15}{'at most, KiB':>14}{'lost of':>12}{'sent':>12}")
    for case, rate in fastest(cases()):
        channel, memory = kept(case, seconds)
        counts = channel.statistics
        shown = f"{case.name:18}{rate:15,.0f}{memory / 1024:14.1f}"
        print(f"{shown}{counts.lost_items:12,}{counts.sent_items:12,}", flush=True)


def fastest(todo: "list[Case]") -> "list[tuple[Case, float]]":
    """The best rate of each. All take turns, so that a slow minute slows all of them."""
    rates = [[run(case, create(case.options), 0.3) for case in todo] for _ in range(ROUNDS)]
    return list(zip(todo, map(max, *rates)))


if __name__ == "__main__":
    main()

"""``EventLog``: one writes, any number read, and each reader gets each event once, or is told."""

from __future__ import annotations

import threading
from contextlib import suppress
from typing import Any, List, Tuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flask_llmstream.errors import StreamClosed
from flask_llmstream.replay.event_log import BLOCK_BYTES, Block, End, EventLog
from flask_llmstream.replay.numbering import Numbering
from flask_llmstream.runtime.wakeups import ThreadWakeup
from tests.support.channel_sides import switching_often
from tests.support.runtimes import HANG_GUARD

STREAM = "stream_0123456789abcdefghijklmno"


def log_of(*events: bytes, **limits: int) -> EventLog:
    log = EventLog(**limits)
    append = log.appender()
    for event in events:
        append(event)
    return log


def packed(log: EventLog) -> EventLog:
    """The log, all of it compressed."""
    while log.pack():
        pass
    return log


def all_behind(log: EventLog, after: int = 0) -> Tuple[bytes, int]:
    """The events behind one, joined, and how many before them are lost."""
    found, lost = b"", 0
    while True:
        block = log.read(after)
        if block is None:
            return found, lost
        found, lost, after = found + block.events, lost + block.lost, block.last


# Reading.


def test_a_new_log_has_nothing():
    log = EventLog()
    assert (log.first, log.last, log.end, log.read(0)) == (1, 0, None, None)


def test_a_reader_gets_the_events_behind_the_one_that_it_has():
    log = log_of(b"a", b"b", b"c")
    assert log.read(1) == Block(b"bc", 3)


def test_a_reader_who_has_all_gets_nothing():
    assert log_of(b"a").read(1) is None


def test_a_reader_may_ask_for_a_number_that_is_yet_to_come():
    assert log_of(b"a").read(99) is None


def test_one_read_joins_up_to_32_kib():
    half = b"x" * (BLOCK_BYTES // 2)
    assert log_of(half, half, b"c").read(0) == Block(half + half, 2)


def test_a_larger_event_comes_alone():
    large = b"x" * (BLOCK_BYTES + 1)
    log = log_of(large, b"b")
    assert (log.read(0), log.read(1)) == (Block(large, 1), Block(b"b", 2))


def test_events_can_be_read_each_by_itself():
    assert log_of(b"a", b"b", b"", b"c").events(1, BLOCK_BYTES) == (2, [b"b", b"", b"c"])


def test_events_by_themselves_are_bounded_as_the_reader_says():
    assert log_of(b"aa", b"bb", b"cc").events(0, 5) == (1, [b"aa", b"bb"])


def test_events_by_themselves_are_those_before_the_end():
    log = log_of(b"a", b"b")
    log.finish(b"", "complete")
    with suppress(StreamClosed):
        log.append(b"c")
    assert log.events(0, BLOCK_BYTES) == (1, [b"a", b"b"])


def test_no_events_have_the_number_of_the_next():
    assert log_of(b"a").events(1, BLOCK_BYTES) == (2, [])


def test_a_numbering_gives_the_events_their_ids():
    log = EventLog(run=2)
    log.numbering = Numbering(STREAM, 2)
    for _ in range(3):
        log.append(b"data: x\n\n")
    ids = [b"data: x\nid: %b:2.%d\n\n" % (STREAM.encode(), number) for number in (2, 3)]
    assert log.read(1) == Block(b"".join(ids), 3)
    assert log.events(1, BLOCK_BYTES) == (2, ids)


# The end.


def test_the_first_end_counts():
    log = log_of(b"a")
    assert log.finish(b"bye", "complete")
    assert not log.finish(b"again", "error")
    assert log.end == End(b"bye", "complete", 1)


@pytest.mark.parametrize("appending", ["append", "appender"])
def test_nothing_is_appended_behind_the_end(appending):
    log = EventLog()
    append = log.append if appending == "append" else log.appender()
    append(b"a")
    log.finish(b"bye", "cancelled")
    with pytest.raises(StreamClosed, match="cancelled"):
        append(b"b")
    assert all_behind(log) == (b"a", 0)


class WrittenMeanwhile(EventLog):
    """A log that is written while its last number is read.

    :ivar write: writes.
    """

    __slots__ = ("write",)

    @property
    def last(self) -> int:
        number = super().last
        if hasattr(self, "write"):
            self.write()
        return number


@pytest.mark.parametrize("appending", ["append", "appender"])
def test_an_event_that_was_accepted_is_not_left_out_by_the_end(appending):
    log = WrittenMeanwhile()
    append = log.append if appending == "append" else log.appender()
    accepted = []

    def write():
        with suppress(StreamClosed):
            append(b"a")
            accepted.append(b"a")

    write()
    log.write = write
    log.finish(b"bye", "complete")
    assert all_behind(log)[0].startswith(b"".join(accepted))


@pytest.mark.parametrize("appending", ["append", "appender"])
def test_an_event_that_the_end_has_refused_is_read_by_nobody(appending):
    log = WrittenMeanwhile()
    append = log.append if appending == "append" else log.appender()
    append(b"a")
    read = []

    def write():
        with pytest.raises(StreamClosed):
            append(b"b")
        read.append(log.read(1))

    log.write = write
    log.finish(b"bye", "complete")
    assert read == [None]


# What has no room.


def test_the_oldest_events_make_room():
    log = log_of(*[b"%d" % number for number in range(10)], max_events=4)
    assert log.read(0) == Block(b"6789", 10, lost=6)


def test_a_larger_event_than_there_is_room_for_takes_all_of_it():
    log = log_of(b"a", b"b", b"x" * 100, max_bytes=50)
    assert log.read(0) == Block(b"x" * 100, 3, lost=2)


def test_a_full_log_of_many_keeps_most():
    log = log_of(*[b"x"] * 50_000)
    assert 9_500 < log.last - log.first + 1 <= 10_000


def test_a_log_that_skips_forgets_what_it_has():
    log = log_of(b"a", b"b")
    log.skip_to(7)
    assert (log.first, log.last, log.read(2)) == (7, 6, None)
    log.append(b"g")
    assert log.read(2) == Block(b"g", 7, lost=4)


events = st.lists(
    st.one_of(st.binary(max_size=20), st.integers(0, 3000).map(lambda size: b"x" * size)),
    max_size=300,
)
limits = st.fixed_dictionaries(
    {
        "max_events": st.one_of(st.integers(1, 20), st.integers(1, 2000)),
        "max_bytes": st.one_of(st.integers(1, 100), st.integers(1, 100_000)),
    }
)


@given(events, limits, st.data())
def test_any_reader_of_any_log_gets_the_last_events_and_the_number_of_the_lost(
    written, limits, data
):
    log = log_of(*written, **limits)
    after = data.draw(st.integers(0, len(written)))
    found, lost = all_behind(log, after)
    assert found == b"".join(written[after + lost :])


@given(events, limits)
def test_no_log_is_larger_than_its_limits(written, limits):
    log = log_of(*written, **limits)
    kept = written[log.first - 1 :]
    assert len(kept) <= limits["max_events"]
    size, most = sum(map(len, kept)), limits["max_bytes"]
    assert size <= most or size - len(kept[0]) <= most / 8
    assert bool(kept) == bool(written)


# Compressed.


@given(events, limits, st.data())
def test_a_compressed_log_reads_the_same_from_every_position(written, limits, data):
    log = log_of(*written, **limits)
    log.finish(b"bye", "complete")
    cuts = data.draw(st.lists(st.integers(0, len(written)), max_size=5))
    plain = [all_behind(log, after) for after in cuts]
    for _ in range(data.draw(st.integers(0, 30))):
        log.pack()
    assert [all_behind(log, after) for after in cuts] == plain


def test_a_compressed_log_gives_each_event_by_itself():
    log = log_of(b"a", b"", b"b\n\nb", b"c")
    log.finish(b"bye", "complete")
    assert packed(log).events(1, BLOCK_BYTES) == (2, [b"", b"b\n\nb", b"c"])


def test_a_log_that_goes_on_is_not_compressed():
    log = packed(log_of(b"a"))
    log.append(b"b")
    assert all_behind(log) == (b"ab", 0)


# Several at a time.


def test_a_reader_who_waits_is_woken_by_the_next_event():
    log, woken = EventLog(), ThreadWakeup()
    waits = threading.Event()
    found: List[Any] = []

    class Told:
        """A wakeup that tells when it is waited for."""

        def set(self) -> None:
            woken.set()

        def wait(self, timeout=None) -> bool:
            waits.set()
            return woken.wait(timeout)

        def close(self) -> None:
            woken.close()

    reader = threading.Thread(target=lambda: found.append(log.wait(0, Told(), HANG_GUARD)))
    append = log.appender()
    reader.start()
    assert waits.wait(HANG_GUARD)
    append(b"a")
    reader.join(HANG_GUARD)
    assert found == [True]


def test_a_wait_that_takes_too_long_ends_without_an_event():
    assert EventLog().wait(0, ThreadWakeup(), timeout=0.001) is False


def test_a_reader_who_has_the_last_event_is_woken_by_the_end():
    log = log_of(b"a")
    log.finish(b"bye", "complete")
    assert log.wait(1, ThreadWakeup(), HANG_GUARD)


@pytest.mark.parametrize("count", [3000])
def test_readers_on_other_threads_get_every_event_once_while_it_is_written(count):
    log = EventLog(max_events=10**6, max_bytes=10**8)
    written = [b"%d," % number for number in range(count)]
    read: List[bytes] = []

    def reader() -> None:
        wakeup, after, found = ThreadWakeup(), 0, b""
        while log.end is None or after < log.end.number:
            block = log.read(after)
            if block is None:
                assert log.wait(after, wakeup, HANG_GUARD)
            else:
                found, after = found + block.events, block.last
        read.append(found)

    with switching_often():
        readers = [threading.Thread(target=reader) for _ in range(3)]
        for one in readers:
            one.start()
        append = log.appender()
        for event in written:
            append(event)
        log.finish(b"bye", "complete")
        packed(log)
        for one in readers:
            one.join(HANG_GUARD)
    assert read == [b"".join(written)] * 3


def test_readers_on_other_threads_are_told_of_each_event_that_was_too_old():
    log = EventLog(max_events=40)
    count = 3000
    totals: List[Tuple[int, int]] = []

    def reader() -> None:
        wakeup, after, got, lost = ThreadWakeup(), 0, 0, 0
        while log.end is None or after < log.end.number:
            block = log.read(after)
            if block is None:
                assert log.wait(after, wakeup, HANG_GUARD)
            else:
                numbers = [int(part) for part in block.events.split(b",")[:-1]]
                assert numbers == list(range(after + block.lost + 1, block.last + 1))
                got, lost, after = got + len(numbers), lost + block.lost, block.last
        totals.append((got + lost, after))

    with switching_often():
        readers = [threading.Thread(target=reader) for _ in range(2)]
        for one in readers:
            one.start()
        append = log.appender()
        for number in range(1, count + 1):
            append(b"%d," % number)
        log.finish(b"bye", "complete")
        for one in readers:
            one.join(HANG_GUARD)
    assert totals == [(count, count)] * 2

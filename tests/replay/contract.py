"""The contract of a replay storage, as tests. A storage of one's own inherits these classes.

``ReplayContract`` is for every storage. ``SharedContract`` is for one that several processes share.
Each test runs on greenlets and on threads.
"""

from __future__ import annotations

import contextlib
import threading
from time import monotonic
from typing import Any, Callable, Iterator, List, NamedTuple, Optional

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from flask_llmstream.errors import StreamClosed, StreamIsProduced
from flask_llmstream.replay.base import Limits, Reading, ReplayStorage, StreamHead
from flask_llmstream.runtime.mutex import wakeup_of_the_caller
from tests.support.eventually import eventually
from tests.support.runtimes import GREENLETS, HANG_GUARD, THREADS, only

HEAD = StreamHead(
    owner="somebody",
    content_type="text/event-stream",
    opening=b": hello\n\n",
    lost=b"data: lost\n\n",
    gap=b"data: gap\n\n",
    headers={"X-Format": "ours"},
    created=1_700_000_000,
    model="a-model",
    memo=b"\x00 what was asked",
)
STREAM = "a-stream"
JUNK = ["", "-1", "0", "9" * 400, "*", "a b", "é\u20ac", "{}", "\udcff", "x" * 100_000, "a:b", "\0"]


def nothing(reason: str) -> None:
    """A producer that does not care whether it is stopped."""


class Read(NamedTuple):
    """What a reader got.

    :ivar lost: how many events it was told to be lost.
    """

    events: bytes
    lost: int
    frame: Optional[bytes] = None
    reason: Optional[str] = None


def read_on(reading: Reading, after: int, until: int) -> Read:
    """Read from behind an event until this event has come, or the end."""
    wakeup = wakeup_of_the_caller()
    events, lost, log = b"", 0, reading.log
    try:
        while True:
            block = log.read(after)
            if block is not None:
                events, after, lost = events + block.events, block.last, lost + block.lost
            elif log.end is not None and after >= log.end.number:
                return Read(events, lost, log.end.frame, log.end.reason)
            elif after >= until:
                return Read(events, lost)
            else:
                assert log.wait(after, wakeup, HANG_GUARD / 2), f"nothing came behind {after}"
    finally:
        wakeup.close()


def read_all(reading: Reading, after: int = 0) -> Read:
    """Read until the end."""
    return read_on(reading, after, 2**62)


def _is_live(storage: ReplayStorage) -> bool:
    """Whether a new reader of the stream finds its producer."""
    with contextlib.closing(storage.read(STREAM)) as reading:
        return reading.is_live


def event(number: int) -> bytes:
    return b"data: %d\n\n" % number


def events(first: int, last: int) -> bytes:
    return b"".join(event(number) for number in range(first, last + 1))


@only(GREENLETS, THREADS)
class ReplayContract:
    """A subclass implements :meth:`new_storage`."""

    def new_storage(self, limits: Limits) -> ReplayStorage:
        """A storage with nothing in it."""
        raise NotImplementedError

    @pytest.fixture
    def make(self) -> Iterator[Callable[..., ReplayStorage]]:
        """Make a storage with these limits, and close it after the test."""
        with contextlib.ExitStack() as stack:

            def make(**limits: Any) -> ReplayStorage:
                storage = self.new_storage(Limits(**limits))
                stack.callback(storage.close)
                return storage

            yield make

    @pytest.fixture
    def storage(self, make: Callable[..., ReplayStorage]) -> ReplayStorage:
        return make()

    @pytest.fixture
    def elsewhere(self, storage: ReplayStorage) -> ReplayStorage:
        """Where the streams of ``storage`` are read. A shared storage has another process here."""
        return storage

    # Recording and reading.

    def test_a_reader_gets_all_events_and_the_end(self, storage, elsewhere):
        recording = storage.record(STREAM, HEAD, nothing)
        recording.append(event(1))
        recording.append(event(2))
        recording.finish(b"the end", "complete")
        with contextlib.closing(elsewhere.read(STREAM)) as reading:
            assert read_all(reading) == Read(events(1, 2), 0, b"the end", "complete")

    def test_a_reader_gets_what_comes_while_it_reads(self, storage, elsewhere):
        recording = storage.record(STREAM, HEAD, nothing)
        with contextlib.closing(elsewhere.read(STREAM)) as reading:
            for number in range(1, 4):
                recording.append(event(number))
                assert read_on(reading, number - 1, number).events == event(number)
            recording.finish(b"the end", "error")
            assert read_all(reading, 3) == Read(b"", 0, b"the end", "error")

    def test_every_cut_meets_the_live_end_without_a_gap(self, storage, elsewhere):
        number = iter(range(10**6))

        @settings(max_examples=25, suppress_health_check=list(HealthCheck))
        @given(st.integers(0, 30), st.integers(0, 30), st.data())
        def cut(before, behind, data):
            stream_id = f"{STREAM}-{next(number)}"
            after = data.draw(st.integers(0, before + behind))
            recording = storage.record(stream_id, HEAD, nothing)
            for one in range(1, before + 1):
                recording.append(event(one))
            with contextlib.closing(elsewhere.read(stream_id)) as reading:
                for one in range(before + 1, before + behind + 1):
                    recording.append(event(one))
                recording.finish(b"the end", "complete")
                expected = Read(events(after + 1, before + behind), 0, b"the end", "complete")
                assert read_all(reading, after) == expected

        cut()

    def test_several_readers_get_the_same(self, storage, elsewhere):
        recording = storage.record(STREAM, HEAD, nothing)
        recording.append(event(1))
        with contextlib.ExitStack() as stack:
            readings = [
                stack.enter_context(contextlib.closing(place.read(STREAM)))
                for place in (storage, elsewhere, elsewhere, storage)
            ]
            recording.append(event(2))
            recording.finish(b"the end", "complete")
            assert {read_all(one) for one in readings} == {
                Read(events(1, 2), 0, b"the end", "complete")
            }

    def test_readers_who_come_at_the_same_moment_get_the_same(self, storage, elsewhere):
        recording = storage.record(STREAM, HEAD, nothing)
        recording.append(event(1))
        readings: List[Any] = []

        def come() -> None:
            barrier.wait(HANG_GUARD)
            readings.append(elsewhere.read(STREAM))

        barrier = threading.Barrier(4)
        threads = [threading.Thread(target=come) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(HANG_GUARD)
        for number in range(2, 5):
            recording.append(event(number))
            for reading in readings:
                assert read_on(reading, number - 1, number) == Read(event(number), 0)
        recording.finish(b"the end", "complete")
        whole = Read(events(1, 4), 0, b"the end", "complete")
        assert [read_all(reading) for reading in readings] == [whole] * 4
        for reading in readings:
            reading.close()

    def test_a_reader_that_leaves_takes_nothing_from_the_others(self, storage, elsewhere):
        recording = storage.record(STREAM, HEAD, nothing)
        first, second = elsewhere.read(STREAM), elsewhere.read(STREAM)
        recording.append(event(1))
        assert read_on(first, 0, 1).events == event(1)
        first.close()
        first.close()
        recording.append(event(2))
        recording.finish(b"the end", "complete")
        assert read_all(second).events == events(1, 2)
        second.close()

    def test_a_stream_that_has_ended_is_read_again_and_again(self, storage, elsewhere):
        recording = storage.record(STREAM, HEAD, nothing)
        recording.append(event(1))
        recording.finish(b"the end", "complete")
        for place in (storage, elsewhere, storage, elsewhere):
            with contextlib.closing(place.read(STREAM)) as reading:
                assert read_all(reading) == Read(event(1), 0, b"the end", "complete")

    def test_a_stream_without_events_has_an_end(self, storage, elsewhere):
        storage.record(STREAM, HEAD, nothing).finish(b"", "cancelled")
        with contextlib.closing(elsewhere.read(STREAM)) as reading:
            assert read_all(reading) == Read(b"", 0, b"", "cancelled")

    def test_a_stream_that_has_ended_is_forgotten(self, storage, elsewhere):
        recording = storage.record(STREAM, HEAD, nothing)
        recording.append(b"data: 1\n\n")
        recording.finish(b"", "complete")
        eventually(lambda: not _is_live(elsewhere))
        elsewhere.forget(STREAM)
        assert storage.read(STREAM) is None
        assert elsewhere.read(STREAM) is None
        elsewhere.forget(STREAM)

    def test_a_stream_that_goes_on_is_not_forgotten(self, storage, elsewhere):
        recording = storage.record(STREAM, HEAD, nothing)
        elsewhere.forget(STREAM)
        with contextlib.closing(elsewhere.read(STREAM)) as reading:
            recording.append(b"data: 1\n\n")
            recording.finish(b"end", "complete")
            assert read_all(reading) == Read(b"data: 1\n\n", 0, b"end", "complete")

    def test_a_reading_tells_whether_the_producer_is_there(self, storage, elsewhere):
        recording = storage.record(STREAM, HEAD, nothing)
        assert _is_live(storage) and _is_live(elsewhere)
        recording.finish(b"", "complete")
        assert not _is_live(storage)
        eventually(lambda: not _is_live(elsewhere))

    def test_the_head_is_kept(self, storage, elsewhere):
        storage.record(STREAM, HEAD, nothing)
        with contextlib.closing(elsewhere.read(STREAM)) as reading:
            assert reading.head._replace(headers=dict(reading.head.headers)) == HEAD

    def test_events_may_hold_any_bytes(self, storage, elsewhere):
        recording = storage.record(STREAM, HEAD, nothing)
        odd = [b"", bytes(range(256)), b"\r\n$-1\r\n", "é€".encode(), b"x" * 300_000]
        for one in odd:
            recording.append(one)
        recording.finish(b"\0\xff", "complete")
        with contextlib.closing(elsewhere.read(STREAM)) as reading:
            assert read_all(reading) == Read(b"".join(odd), 0, b"\0\xff", "complete")

    def test_an_unknown_stream_is_none(self, storage):
        assert storage.read("never-there") is None

    @pytest.mark.parametrize("stream_id", JUNK, ids=lambda one: ascii(one)[:12])
    def test_a_junk_id_is_unknown(self, storage, elsewhere, stream_id):
        storage.record(STREAM, HEAD, nothing)
        assert elsewhere.read(stream_id) is None
        assert elsewhere.note(stream_id) is None
        elsewhere.stop(stream_id)

    # Ends.

    def test_the_first_end_counts(self, storage):
        recording = storage.record(STREAM, HEAD, nothing)
        recording.finish(b"first", "complete")
        recording.finish(b"second", "error")
        with contextlib.closing(storage.read(STREAM)) as reading:
            assert read_all(reading) == Read(b"", 0, b"first", "complete")

    def test_nothing_is_appended_behind_the_end(self, storage):
        recording = storage.record(STREAM, HEAD, nothing)
        recording.finish(b"the end", "complete")
        with pytest.raises(StreamClosed):
            recording.append(event(1))

    # One producer.

    def test_a_stream_that_runs_has_one_producer(self, storage, elsewhere):
        storage.record(STREAM, HEAD, nothing)
        for place in (storage, elsewhere):
            with pytest.raises(StreamIsProduced) as caught:
                place.record(STREAM, HEAD, nothing)
            assert not caught.value.has_ended

    def test_what_was_flushed_is_known_to_have_ended(self, storage, elsewhere):
        recording = storage.record(STREAM, HEAD, nothing)
        recording.append(event(1))
        assert recording.flush(HANG_GUARD)
        recording.finish(b"the end", "complete")
        assert recording.flush(HANG_GUARD)
        for place in (elsewhere, storage):
            with pytest.raises(StreamIsProduced) as caught:
                place.record(STREAM, HEAD, nothing)
            assert caught.value.has_ended

    def test_a_stream_that_has_ended_is_not_recorded_again(self, storage, elsewhere):
        storage.record(STREAM, HEAD, nothing).finish(b"", "complete")
        for place in (storage, elsewhere):
            with pytest.raises(StreamIsProduced):
                place.record(STREAM, HEAD, nothing)

    def test_of_several_producers_at_a_time_one_wins(self, storage, elsewhere):
        for round in range(10):
            won: List[Any] = []

            def try_it(place: ReplayStorage, stream_id: str = f"{STREAM}-{round}") -> None:
                with contextlib.suppress(StreamIsProduced):
                    won.append(place.record(stream_id, HEAD, nothing))

            places = [storage, elsewhere] * 4
            threads = [threading.Thread(target=try_it, args=(place,)) for place in places]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join(HANG_GUARD)
            assert len(won) == 1

    # Limits.

    @pytest.mark.parametrize("limit", [{"max_events": 10}, {"max_bytes": 100}], ids=str)
    def test_what_is_evicted_is_told(self, make, limit):
        storage = make(**limit)
        recording = storage.record(STREAM, HEAD, nothing)
        for number in range(1, 101):
            recording.append(event(number))
        recording.finish(b"the end", "complete")
        with contextlib.closing(storage.read(STREAM)) as reading:
            read = read_all(reading)
        assert 0 < read.lost < 100
        assert read == Read(events(read.lost + 1, 100), read.lost, b"the end", "complete")

    def test_a_stream_expires(self, make):
        storage = make(expires=0.3)
        storage.record(STREAM, HEAD, nothing).finish(b"", "complete")
        self.has_expired(lambda: storage.read(STREAM))

    def has_expired(self, look: Callable[[], Any]) -> None:
        """Wait until nothing is found any more."""

        def is_gone() -> bool:
            found = look()
            if isinstance(found, Reading):
                found.close()
            return found is None

        eventually(is_gone)

    # Stopping.

    def test_a_stop_reaches_the_producer_once(self, storage, elsewhere):
        reasons: List[str] = []
        storage.record(STREAM, HEAD, reasons.append)
        assert elsewhere.stop(STREAM)
        assert elsewhere.stop(STREAM)
        assert storage.stop(STREAM)
        eventually(lambda: reasons)
        assert reasons == ["cancelled"]

    def test_a_stop_before_the_beginning_counts(self, storage, elsewhere):
        reasons: List[str] = []
        assert elsewhere.stop(STREAM)
        storage.record(STREAM, HEAD, reasons.append)
        assert reasons == ["cancelled"]

    def test_a_stop_behind_the_end_is_harmless(self, storage, elsewhere):
        reasons: List[str] = []
        storage.record(STREAM, HEAD, reasons.append).finish(b"", "complete")
        storage.stop(STREAM)
        elsewhere.stop(STREAM)
        assert reasons == []

    def test_a_stop_of_one_stream_stops_no_other(self, storage, elsewhere):
        reasons: List[str] = []
        storage.record(STREAM, HEAD, reasons.append)
        storage.record("another", HEAD, nothing)
        elsewhere.stop("another")
        elsewhere.stop("a third")
        assert reasons == []

    # Listing.

    def test_those_of_an_owner_are_listed_while_they_run(self, storage, elsewhere):
        second = storage.record("2", HEAD._replace(created=2, model=""), nothing)
        storage.record("1", HEAD._replace(created=1), nothing)
        storage.record("3", HEAD._replace(owner="another"), nothing)
        storage.record("4", HEAD._replace(owner=""), nothing)
        assert elsewhere.running("somebody") == [("1", 1, "a-model"), ("2", 2, "")]
        second.finish(b"", "complete")
        eventually(lambda: elsewhere.running("somebody") == [("1", 1, "a-model")])

    def test_nobody_owns_none(self, storage, elsewhere):
        storage.record(STREAM, HEAD._replace(owner=""), nothing)
        assert elsewhere.running("") == elsewhere.running("unknown") == []

    def test_a_stream_is_read_while_it_has_a_reader(self, storage, elsewhere):
        recording = storage.record(STREAM, HEAD, nothing)
        assert not recording.is_read()
        for place in (storage, elsewhere):
            with contextlib.closing(place.read(STREAM)):
                eventually(recording.is_read)
            eventually(lambda: not recording.is_read())

    # Notes.

    def test_the_first_note_counts(self, storage, elsewhere):
        assert storage.add_note("a key", "first") is None
        assert elsewhere.add_note("a key", "second") == "first"
        assert elsewhere.note("a key") == storage.note("a key") == "first"

    def test_a_note_is_replaced(self, storage, elsewhere):
        storage.set_note("a key", "first")
        elsewhere.set_note("a key", "second é€")
        assert storage.note("a key") == "second é€"

    def test_a_note_is_dropped_where_it_is_still_the_same(self, storage, elsewhere):
        storage.add_note("a key", "first")
        elsewhere.drop_note("a key", "another")
        assert storage.note("a key") == "first"
        elsewhere.drop_note("a key", "first")
        assert storage.note("a key") is None
        elsewhere.drop_note("a key", "first")

    def test_a_note_expires(self, make):
        storage = make(expires=0.3)
        storage.add_note("a key", "a value")
        self.has_expired(lambda: storage.note("a key"))

    def test_of_several_notes_at_a_time_one_wins(self, storage, elsewhere):
        found: List[Any] = []

        def add(place: ReplayStorage, value: str) -> None:
            found.append(place.add_note("a key", value))

        places = [storage, elsewhere] * 4
        threads = [
            threading.Thread(target=add, args=(place, str(number)))
            for number, place in enumerate(places)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(HANG_GUARD)
        kept = storage.note("a key")
        assert sorted(found, key=str) == sorted([None] + [kept] * 7, key=str)


class SharedContract(ReplayContract):
    """A subclass implements :meth:`new_storage`, which makes the storage of one more process: all
    that a test makes keep their streams in the same place."""

    @pytest.fixture
    def elsewhere(self, make: Callable[..., ReplayStorage]) -> ReplayStorage:
        return make()

    def test_it_says_that_it_is_shared(self, storage):
        assert storage.is_shared

    def test_a_reading_tells_where_the_producer_is(self, storage, elsewhere):
        storage.record(STREAM, HEAD, nothing)
        with contextlib.closing(storage.read(STREAM)) as here:
            with contextlib.closing(elsewhere.read(STREAM)) as there:
                assert (here.is_local, there.is_local) == (True, False)

    def test_a_stop_from_elsewhere_takes_less_than_half_a_second(self, storage, elsewhere):
        came: List[float] = []
        storage.record(STREAM, HEAD, lambda reason: came.append(monotonic()))
        begin = monotonic()
        elsewhere.stop(STREAM)
        eventually(lambda: came)
        assert came[0] - begin < 0.5

    def test_what_was_evicted_is_told_elsewhere(self, make):
        storage, elsewhere = make(max_events=10), make(max_events=10)
        recording = storage.record(STREAM, HEAD, nothing)
        for number in range(1, 101):
            recording.append(event(number))
        recording.finish(b"the end", "complete")
        with contextlib.closing(elsewhere.read(STREAM)) as reading:
            read = read_all(reading)
        assert read == Read(events(read.lost + 1, 100), read.lost, b"the end", "complete")
        assert read.lost > 0

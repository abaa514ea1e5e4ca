"""Processes that produce and read one stream in Redis: one is killed, one forks, one has another
clock."""

from __future__ import annotations

import contextlib
from time import monotonic

import pytest

from flask_llmstream.replay.redis.storage import RedisStorage
from tests.replay.contract import HEAD, STREAM, Read, events, read_all, read_on
from tests.support.eventually import eventually
from tests.support.programs import installed
from tests.support.redis_processes import process

LEASE = "1"
THOROUGH = pytest.param((), marks=pytest.mark.thorough)
PATCHED = pytest.mark.parametrize(
    "patched", [THOROUGH, ("patched",)], ids=["threads", "patched"]
)


@pytest.fixture
def storage(server, prefix):
    storage = RedisStorage(server.url, prefix=prefix, lease=float(LEASE))
    yield storage
    storage.close()


@pytest.fixture
def arguments(server, prefix):
    return (server.url, prefix, STREAM, LEASE)


@PATCHED
def test_a_stream_of_another_process_is_read_and_stopped(storage, arguments, patched):
    with process("produce", *arguments, *patched) as producer:
        with contextlib.closing(storage.read(STREAM)) as reading:
            assert read_on(reading, 0, 10).events.startswith(events(1, 10))
            begin = monotonic()
            storage.stop(STREAM)
            last = int(producer.stdout.readline())
            assert monotonic() - begin < 0.5
            assert read_all(reading) == Read(events(1, last), 0, b"the end", "complete")


@pytest.mark.thorough
@PATCHED
def test_a_process_that_ends_sends_what_is_left(storage, arguments, patched):
    """A script, or a task, ends right behind the end of its stream."""
    with process("produce", *arguments, *patched) as producer:
        last, _ = producer.communicate("\n")
        assert producer.returncode == 0
        with contextlib.closing(storage.read(STREAM)) as reading:
            assert read_all(reading) == Read(events(1, int(last)), 0, b"the end", "complete")


@PATCHED
def test_a_producer_that_is_killed_shows_as_lost_and_another_may_begin(
    storage, arguments, patched
):
    with process("produce", *arguments, *patched) as producer:
        with contextlib.closing(storage.read(STREAM)) as reading:
            read_on(reading, 0, 10)
            producer.kill()
            begin = monotonic()
            read = read_all(reading)
            assert (read.frame, read.reason) == (HEAD.lost, "lost")
            assert monotonic() - begin < 2.5 * float(LEASE)
    assert storage.running(HEAD.owner) == []
    new = storage.record(STREAM, HEAD, lambda reason: None)
    assert new.log.run == 2
    new.finish(b"", "complete")


def test_a_reader_that_is_killed_costs_the_stream_nothing(storage, arguments):
    recording = storage.record(STREAM, HEAD, lambda reason: None)
    recording.append(b"event")
    with process("read", *arguments) as reader:
        assert recording.is_read()
        reader.kill()
    eventually(lambda: not recording.is_read())
    recording.append(b"event")
    recording.finish(b"", "complete")
    with contextlib.closing(storage.read(STREAM)) as reading:
        assert read_all(reading).events == b"eventevent"


@PATCHED
def test_forked_children_take_nothing_from_their_parent(storage, arguments, patched):
    with process("fork", *arguments, *patched) as parent:
        read = parent.stdout.readline()
        assert parent.wait(20) == 0
    assert read == f"{len(events(1, 300))} 0 complete\n"
    with contextlib.closing(storage.read(f"{STREAM}-50")) as reading:
        assert read_all(reading).frame == b"child"


@pytest.mark.thorough
@pytest.mark.parametrize("shift", ["-60s", "+60s"])
def test_no_clocks_are_compared(storage, arguments, shift):
    faketime = [*installed("faketime"), "--exclude-monotonic", "-f", shift]
    with process("produce", *arguments, before=faketime) as producer:
        with contextlib.closing(storage.read(STREAM)) as reading:
            read_on(reading, 0, 150)  # for longer than a lease
            last, _ = producer.communicate("\n")
            assert read_all(reading) == Read(events(1, int(last)), 0, b"the end", "complete")

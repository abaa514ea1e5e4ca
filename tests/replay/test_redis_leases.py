"""A process that gets too little time does not lose its leases by its own doing; and who did not
run himself does not take that for the silence of others."""

from __future__ import annotations

import contextlib
from time import monotonic

import pytest

from flask_llmstream.replay.event_log import EventLog
from flask_llmstream.replay.redis.copy import Copy
from flask_llmstream.replay.redis.keys import Keys
from flask_llmstream.replay.redis.run import Terms
from flask_llmstream.replay.redis.writer import MOST_AT_A_TIME
from tests.replay.conftest import LEASE
from tests.replay.contract import HEAD, STREAM, Read, event, nothing, read_all, read_on
from tests.support.eventually import eventually
from tests.support.redis_servers import redis_server
from tests.support.tcp_path import path_to


@pytest.fixture
def server():
    with redis_server() as server:
        yield server


def lease_of(server, stream_id=STREAM):
    found = list(server.client.scan_iter(f"*:stream:{stream_id}:lease"))
    return server.client.get(found[0]) if found else None


# The writer.


@contextlib.contextmanager
def commands_of(server):
    """The names and the keys of all commands from now on, in their order."""
    with server.client.monitor() as monitor:
        yield (one["command"].split()[:2] for one in monitor.listen())


def events_before_leases(server, storage, path, count):
    """How many events Redis gets before the leases of all streams, where all wait in one line."""
    recordings = [storage.record(f"{STREAM}-{one}", HEAD, nothing) for one in range(count)]
    path.hold()
    for recording in recordings:
        recording.append(event(1))
    due = monotonic() + LEASE / 2
    eventually(lambda: monotonic() > due)
    with commands_of(server) as commands:
        path.mend()
        renewed, events = set(), 0
        for name, key in commands:
            events += name == "XADD" and key.endswith(":events")
            if name == "GETEX":
                renewed.add(key)
                if len(renewed) == count:
                    return events


def test_all_leases_that_are_due_go_before_the_events_that_wait(server, storage_of):
    with path_to(server.port) as path:
        events = events_before_leases(server, storage_of(path), path, 4 * MOST_AT_A_TIME)
        assert events <= MOST_AT_A_TIME  # those that were on their way


def test_leases_that_have_all_expired_are_all_taken_again(server, storage_of):
    count = 4 * MOST_AT_A_TIME
    with path_to(server.port) as path:
        storage = storage_of(path)
        recordings = [storage.record(f"{STREAM}-{one}", HEAD, nothing) for one in range(count)]
        path.hold()
        for recording in recordings:
            recording.append(event(1))
        eventually(lambda: not list(server.client.scan_iter("*:lease")))
        path.mend()
        eventually(lambda: len(list(server.client.scan_iter("*:lease"))) == count)
        for recording in recordings:
            recording.finish(b"the end", "complete")
        assert all(recording.flush(30) for recording in recordings)
    with contextlib.closing(storage_of(server).read(f"{STREAM}-0")) as reading:
        assert read_all(reading) == Read(event(1), 0, b"the end", "complete")


# Two producers.


def test_an_old_producer_does_not_take_the_expired_lease_of_the_new_one(server, storage_of):
    reasons = []
    with path_to(server.port) as here, path_to(server.port) as there:
        storage_of(here).record(STREAM, HEAD, reasons.append)
        here.hold()  # its next renewal is on its way
        eventually(lambda: lease_of(server) is None)
        new = storage_of(there).record(STREAM, HEAD, nothing)
        assert new.log.run == 2
        there.hold()
        eventually(lambda: lease_of(server) is None)
        here.mend()
        eventually(lambda: reasons == ["replaced"])
        assert lease_of(server) is None
        there.mend()
        eventually(lambda: lease_of(server) is not None)
        new.append(event(1))
        new.finish(b"the end", "complete")
        assert new.flush(10)
    with contextlib.closing(storage_of(server).read(STREAM)) as reading:
        assert read_all(reading) == Read(event(1), 0, b"the end", "complete")


def test_a_producer_that_looked_lost_is_listed_again(server, storage_of):
    with path_to(server.port) as path:
        storage_of(path).record(STREAM, HEAD, nothing)
        elsewhere = storage_of(server)
        path.hold()
        eventually(lambda: not elsewhere.running(HEAD.owner))
        path.mend()
        eventually(lambda: [one.id for one in elsewhere.running(HEAD.owner)] == [STREAM])


# The reader's side.


class Followed:
    """A copy, and the looks of its follower at the lease."""

    def __init__(self):
        keys = Keys("llmstream").of_stream(STREAM)
        log = EventLog(1, max_events=100, max_bytes=10_000)
        self._copy = Copy(keys, HEAD, log, Terms(expires=60, lease=5))

    def look(self, sent, read, holder=None):
        """A turn of the follower. ``holder``: the lease, as Redis has it.

        :param sent: when the commands were made.
        :param read: when the replies were read.
        """
        for step in self._copy.steps(sent):
            step.done(holder if step.command[0] == "GET" else None)
        self._copy.judge(read)
        return self._copy.is_lost


@pytest.mark.parametrize("answer", [0.0, 1.0], ids=["at once", "behind a blocked read"])
def test_a_lease_that_is_missing_at_three_looks_is_lost(answer):
    followed = Followed()
    assert [followed.look(now, now + answer) for now in (10, 11, 12)] == [False, False, True]


def test_a_lease_that_is_there_again_is_not_lost():
    followed = Followed()
    leases = [None, None, b"somebody", None, None]
    assert not any(followed.look(now, now, one) for now, one in zip(range(10, 15), leases))


def test_looks_that_came_late_and_at_once_leave_the_producer_its_time():
    followed = Followed()
    assert not followed.look(10, 16)  # this process did not run for six seconds
    assert not followed.look(16, 16)
    assert not followed.look(17, 17)
    assert followed.look(18, 18)


class _Clock:
    """The time of a process that did not run for a while.

    :ivar told: how often somebody asked.
    """

    def __init__(self):
        self.slept = 0.0
        self.told = 0

    def __call__(self):
        self.told += 1
        return monotonic() + self.slept


def test_a_reader_of_a_process_that_did_not_run_waits_for_redis_anew(
    server, storage_of, monkeypatch, caplog
):
    """A reader waits 30 s for a Redis that is away. Those in which he slept do not count."""
    clock = _Clock()
    monkeypatch.setattr("flask_llmstream.replay.redis.follower.monotonic", clock)
    with path_to(server.port) as path:
        recording = storage_of(server).record(STREAM, HEAD, nothing)
        recording.append(event(1))
        with contextlib.closing(eventually(lambda: storage_of(path).read(STREAM))) as reading:
            assert read_on(reading, 0, 1).events == event(1)
            path.cut()
            eventually(lambda: "can't be used" in caplog.text)
            clock.slept = 31.0
            told = clock.told
            eventually(lambda: clock.told > told + 3)  # each try asks for the time twice
            path.mend()
            recording.finish(b"the end", "complete")
            assert read_all(reading, 1) == Read(b"", 0, b"the end", "complete")

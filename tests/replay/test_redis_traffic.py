"""How much a stream asks of Redis: round trips, as Redis counts them, and commands."""

from __future__ import annotations

import contextlib
import uuid
from typing import NamedTuple

import pytest

from flask_llmstream.replay.base import Limits
from flask_llmstream.replay.redis.storage import RedisStorage
from tests.replay.contract import HEAD, STREAM, event, events, nothing, read_all, read_on


@pytest.fixture
def storages(server):
    prefix = uuid.uuid4().hex
    made = [RedisStorage(server.url, Limits(), prefix) for _ in range(2)]
    yield made
    for storage in made:
        storage.close()


class Traffic(NamedTuple):
    """What Redis was asked.

    :ivar reads: how often it has read from a connection: the round trips.
    """

    reads: int
    commands: int


@contextlib.contextmanager
def counted(server):
    """Counts what others than this function ask meanwhile."""
    found = []

    def counts():
        told = server.client.info("everything")
        return told["total_reads_processed"], told["total_commands_processed"]

    before = counts()
    yield found
    after = counts()
    found.append(Traffic(after[0] - before[0] - 1, after[1] - before[1] - 1))


def paced(server, recording, seen, count):
    """Append events one after the other, each when the one before has been seen."""
    with counted(server) as found:
        for number in range(1, count + 1):
            recording.append(event(number))
            seen(number)
    return found[0]


def test_an_event_that_nobody_reads_elsewhere_is_one_round_trip(server, storages):
    recording = storages[0].record(STREAM, HEAD, nothing)
    traffic = paced(server, recording, lambda number: recording.flush(10), 200)
    assert traffic.reads <= 1.1 * 200
    assert traffic.commands <= 1.1 * 200


def test_an_event_that_is_read_elsewhere_is_two_round_trips(server, storages):
    recording = storages[0].record(STREAM, HEAD, nothing)
    with contextlib.closing(storages[1].read(STREAM)) as reading:
        read_on(reading, 0, 0)
        traffic = paced(
            server, recording, lambda number: read_on(reading, number - 1, number), 200
        )
    assert traffic.reads <= 2.05 * 200
    assert traffic.commands <= 2.1 * 200


def test_a_burst_is_a_tenth_of_a_round_trip_an_event(server, storages):
    recording = storages[0].record(STREAM, HEAD, nothing)
    with contextlib.closing(storages[1].read(STREAM)) as reading:
        with counted(server) as found:
            for number in range(1, 5001):
                recording.append(event(number))
            recording.finish(b"", "complete")
            assert read_all(reading).events == events(1, 5000)
    assert found[0].reads <= 0.1 * 5000
    assert found[0].commands <= 0.1 * 5000


def test_the_streams_of_a_process_share_one_connection_each_way(server, storages):
    recordings = [storages[0].record(f"{STREAM}-{one}", HEAD, nothing) for one in range(50)]
    readings = [storages[1].read(f"{STREAM}-{one}") for one in range(50)]
    for recording in recordings:
        recording.append(event(1))
    for reading in readings:
        assert read_on(reading, 0, 1).events == event(1)
    connections = server.client.info("clients")["connected_clients"]
    for reading in readings:
        reading.close()
    assert connections <= 1 + 2 * len(storages)

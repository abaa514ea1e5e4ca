"""Bad days of Redis, with a real one. A stream goes on, and a reader elsewhere gets every byte of
it once, or is told what is lost."""

from __future__ import annotations

import contextlib
import logging
import random
import threading

import pytest
import redis

from flask_llmstream.errors import ReplayUnavailable, StreamClosed, StreamIsProduced
from flask_llmstream.replay.redis.storage import RedisStorage
from tests.replay.contract import (
    HEAD,
    STREAM,
    Read,
    event,
    events,
    nothing,
    read_all,
    read_on,
)
from tests.support.eventually import eventually
from tests.support.redis_servers import free_port, redis_server
from tests.support.runtimes import GREENLETS, THREADS, only
from tests.support.tcp_path import path_to


@pytest.fixture
def server():
    with redis_server() as server:
        yield server


class Producer:
    """Appends an event every few milliseconds, on a thread of its own."""

    def __init__(self, recording, pause=0.005):
        self.recording = recording
        self.made = 0
        self._pause = pause
        self._stops = threading.Event()
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def _run(self):
        with contextlib.suppress(StreamClosed):
            while not self._stops.wait(self._pause):
                self.recording.append(event(self.made + 1))
                self.made += 1
            self.recording.finish(b"the end", "complete")

    def makes(self, count):
        """Wait until it has made so many more."""
        target = self.made + count
        eventually(lambda: self.made >= target)

    def end(self):
        self._stops.set()
        self._thread.join()
        return Read(events(1, self.made), 0, b"the end", "complete")


@pytest.fixture
def producing(storage_of):
    """Produce a stream in a storage. The test ends the producer."""
    made = []

    def producing(storage, stream_id=STREAM):
        made.append(Producer(storage.record(stream_id, HEAD, nothing)))
        return made[-1]

    yield producing
    for producer in made:
        producer.end()


def lines(caplog):
    return [one.getMessage() for one in caplog.records if one.name.startswith("flask_llmstream")]


# Gone before, gone in the middle.


@only(GREENLETS, THREADS)
def test_a_redis_that_is_gone_before_the_start_is_told_at_once():
    storage = RedisStorage(f"redis://127.0.0.1:{free_port()}")
    try:
        for call in (
            lambda: storage.record(STREAM, HEAD, nothing),
            lambda: storage.read(STREAM),
            lambda: storage.stop(STREAM),
            lambda: storage.running("somebody"),
            lambda: storage.note("a key"),
        ):
            with pytest.raises(ReplayUnavailable):
                call()
    finally:
        storage.close()


def test_a_redis_that_goes_in_the_middle_costs_the_producers_process_nothing(
    server, storage_of, producing, caplog
):
    storage, elsewhere = storage_of(server), storage_of(server)
    producer = producing(storage)
    producer.makes(10)
    server.kill()
    producer.makes(50)
    with pytest.raises(ReplayUnavailable):
        elsewhere.read(STREAM)
    with contextlib.closing(storage.read(STREAM)) as reading:
        expected = producer.end()
        assert read_all(reading) == expected
    told = [line for line in lines(caplog) if "can't be used" in line]
    assert len(told) == 2  # each of the two processes tells it once
    server.start()
    reading = eventually(lambda: elsewhere.read(STREAM))
    with contextlib.closing(reading):
        assert read_all(reading) == expected


@pytest.mark.thorough
def test_what_breaks_and_what_is_mended_is_one_line_each(server, storage_of, producing, caplog):
    caplog.set_level(logging.INFO)
    producer = producing(storage_of(server))
    producer.makes(10)
    server.kill()
    producer.makes(100)
    server.start()
    eventually(lambda: len(lines(caplog)) >= 2)
    producer.makes(10)
    broken, mended = lines(caplog)
    assert "can't be used" in broken and "can be used again" in mended


# Restarted.


WHOLE = pytest.param("--appendonly yes --appendfsync always".split(), marks=pytest.mark.thorough)


@pytest.mark.parametrize("arguments", [(), WHOLE], ids=["empty", "whole"])
def test_restarted(storage_of, producing, arguments):
    with redis_server(*arguments) as server:
        storage, elsewhere = storage_of(server), storage_of(server)
        producer = producing(storage)
        with contextlib.closing(elsewhere.read(STREAM)) as reading:
            assert read_on(reading, 0, 20).events.startswith(events(1, 20))
            for _ in range(3):
                server.kill()
                producer.makes(20)
                server.start()
                producer.makes(20)
            assert producer.end() == read_all(reading)
        with contextlib.closing(elsewhere.read(STREAM)) as reading:
            assert read_all(reading) == Read(events(1, producer.made), 0, b"the end", "complete")


def test_connections_that_break_again_and_again_lose_and_repeat_nothing(
    server, storage_of, producing
):
    with path_to(server.port) as here, path_to(server.port) as there:
        producer = producing(storage_of(here))
        with contextlib.closing(storage_of(there).read(STREAM)) as reading:
            for path in (here, there) * 5:
                producer.makes(5)
                path.cut()
                producer.makes(5)
                path.mend()
            assert producer.end() == read_all(reading)


# Paused, full, evicting.


def paused(server, storage_of, producing, seconds, lease):
    storage, elsewhere = storage_of(server, lease=lease), storage_of(server, lease=lease)
    producer = producing(storage)
    with contextlib.closing(elsewhere.read(STREAM)) as reading:
        assert read_on(reading, 0, 10).events.startswith(events(1, 10))
        server.client.execute_command("CLIENT", "PAUSE", round(seconds * 1000), "ALL")
        eventually(lambda: server.client.ping())
        producer.makes(20)
        expected = producer.end()
        assert read_all(reading) == expected


def test_paused_for_longer_than_the_lease(server, storage_of, producing):
    paused(server, storage_of, producing, 2, lease=1)


@pytest.mark.thorough
def test_paused_for_ten_seconds(server, storage_of, producing):
    paused(server, storage_of, producing, 10, lease=5)


def test_full(server, storage_of, producing, caplog):
    storage, elsewhere = storage_of(server), storage_of(server)
    producer = producing(storage)
    with contextlib.closing(elsewhere.read(STREAM)) as reading:
        assert read_on(reading, 0, 10).events.startswith(events(1, 10))
        server.client.config_set("maxmemory", 1)
        producer.makes(100)
        with pytest.raises(ReplayUnavailable):
            elsewhere.record("another", HEAD, nothing)
        with contextlib.closing(storage.read(STREAM)) as local:
            assert read_on(local, 0, 100).events.startswith(events(1, 100))
        assert len([line for line in lines(caplog) if "can't be used" in line]) == 2
        server.client.config_set("maxmemory", 0)
        producer.makes(10)
        assert producer.end() == read_all(reading)


def test_evicting_all_it_has(server, storage_of, producing):
    server.client.config_set("maxmemory-policy", "allkeys-random")
    storage, elsewhere = storage_of(server), storage_of(server)
    producer = producing(storage)
    with contextlib.closing(elsewhere.read(STREAM)) as reading:
        for _ in range(3):
            producer.makes(10)
            server.client.config_set("maxmemory", 1)
            producer.makes(10)
            server.client.config_set("maxmemory", 0)
        producer.makes(10)
        assert producer.end() == read_all(reading)
    reading = eventually(lambda: elsewhere.read(STREAM))
    with contextlib.closing(reading):
        assert read_all(reading) == Read(events(1, producer.made), 0, b"the end", "complete")


def test_evicting_before_the_last_event_of_all(server, storage_of):
    storage = storage_of(server)
    recording = storage.record(STREAM, HEAD, nothing)
    recording.append(event(1))
    eventually(lambda: server.client.xlen(key_of(server, "events")) == 2)
    server.client.flushall()
    recording.append(event(2))  # behind it the producer is silent
    eventually(lambda: [fields.get(b"2") for _, fields in kept(server)][-1:] == [event(2)])
    assert list(kept(server)[-1][1]) == [b"1", b"2"]


def test_a_connection_that_breaks_behind_the_last_event_of_all(server, storage_of):
    with path_to(server.port) as path:
        recording = storage_of(path).record(STREAM, HEAD, nothing)
        path.hold()
        recording.append(event(1))
        path.cut()
        path.mend()
        eventually(lambda: server.client.xlen(key_of(server, "events")) == 2)


@pytest.mark.parametrize("key", ["head", "events", "lease"])
def test_evicting_one_key(server, storage_of, producing, key):
    storage, elsewhere = storage_of(server), storage_of(server)
    producer = producing(storage)
    producer.makes(10)
    (name,) = server.client.scan_iter(f"*{STREAM}:{key}")
    server.client.delete(name)
    reading = eventually(lambda: elsewhere.read(STREAM))
    with contextlib.closing(reading):
        producer.makes(10)
        assert producer.end() == read_all(reading)


def test_a_stream_that_is_evicted_whole_is_unknown(server, storage_of):
    storage = storage_of(server)
    storage.record(STREAM, HEAD, nothing).finish(b"", "complete")
    eventually(lambda: not list(server.client.scan_iter(f"*{STREAM}:lease")))
    server.client.flushall()
    assert storage.read(STREAM) is None


# Lost and replaced.


def test_a_partition_longer_than_the_lease_ends_the_old_producer(server, storage_of):
    reasons = []
    with path_to(server.port) as path:
        old = storage_of(path).record(STREAM, HEAD, reasons.append)
        old.append(event(1))
        elsewhere = storage_of(server)
        with contextlib.closing(elsewhere.read(STREAM)) as reading:
            assert read_on(reading, 0, 1).events == event(1)
            path.hold()
            old.append(event(2))
            assert read_all(reading, 1) == Read(b"", 0, HEAD.lost, "lost")
        new = eventually(lambda: record_if_free(elsewhere))
        assert new.log.run == 2
        new.append(b"new")
        with contextlib.closing(elsewhere.read(STREAM)) as reading:
            eventually(lambda: server.client.xlen(key_of(server, "events")) >= 2)
            path.mend()
            with pytest.raises(StreamClosed):
                eventually(lambda: old.append(event(3)))
            new.append(b"newer")
            new.finish(b"the end", "complete")
            assert read_all(reading) == Read(b"newnewer", 0, b"the end", "complete")
    assert reasons == ["replaced"]
    runs = {entry_id.split(b"-")[0] for entry_id, _ in kept(server)}
    assert runs == {b"2"}


def test_an_end_that_comes_after_the_lease_is_not_kept(server, storage_of):
    """An end needs the same guard as an append (assistant-ui/assistant-ui#4840)."""
    with path_to(server.port) as path:
        old = storage_of(path).record(STREAM, HEAD, nothing)
        old.append(event(1))
        eventually(lambda: server.client.xlen(key_of(server, "events")) == 2)
        path.hold()
        old.finish(b"the old end", "complete")
        new = eventually(lambda: record_if_free(storage_of(server)))
        path.mend()
        assert old.flush(10)
        new.append(b"new")
        new.finish(b"the end", "complete")
        assert new.flush(10)
    with contextlib.closing(storage_of(server).read(STREAM)) as reading:
        assert read_all(reading) == Read(b"new", 0, b"the end", "complete")


def test_a_redis_that_lost_the_numbers_of_the_runs_keeps_the_old_producer_out(server, storage_of):
    reasons = []
    with path_to(server.port) as path:
        old = storage_of(path).record(STREAM, HEAD, reasons.append)
        old.append(event(1))
        eventually(lambda: server.client.xlen(key_of(server, "events")) == 2)
        path.hold()
        server.client.flushall()
        new = storage_of(server).record(STREAM, HEAD, nothing)
        assert new.log.run == old.log.run
        path.mend()
        path.cut()  # as a restart does: the old producer connects anew, and looks
        path.mend()
        eventually(lambda: reasons == ["replaced"])
        new.append(b"new")
        new.finish(b"the end", "complete")
        assert new.flush(10)
    fields = [fields for _, fields in kept(server)]
    assert [one.get(b"1") for one in fields if b"1" in one] == [b"new"]


def test_a_reader_does_not_go_on_in_another_run_of_the_same_number(server, storage_of):
    """Its producer is gone, and Redis has lost the numbers of the runs."""
    with path_to(server.port) as path:
        old = storage_of(path).record(STREAM, HEAD, nothing)
        old.append(event(1))
        with contextlib.closing(storage_of(server).read(STREAM)) as reading:
            assert read_on(reading, 0, 1).events == event(1)
            path.hold()
            server.kill()
            server.start()
            new = storage_of(server).record(STREAM, HEAD, nothing)
            assert new.log.run == old.log.run
            new.append(b"new")
            new.append(b"newer")
            new.finish(b"the end", "complete")
            assert read_all(reading, 1) == Read(b"", 0, HEAD.lost, "lost")


def test_an_entry_of_an_old_run_is_refused_by_redis(server, storage_of):
    """Not only by us: the old producer's command may have been on its way for long."""
    with path_to(server.port) as path:
        old = storage_of(path).record(STREAM, HEAD, nothing)
        old.append(event(1))
        eventually(lambda: server.client.xlen(key_of(server, "events")) == 2)
        path.hold()
        old.append(event(2))  # is on its way from now on
        new = eventually(lambda: record_if_free(storage_of(server)))
        before = kept(server)
        path.mend()
        with pytest.raises(StreamClosed):
            eventually(lambda: old.append(event(3)))
        assert kept(server) == before
        new.finish(b"", "complete")


def test_a_producer_whose_lease_has_expired_goes_on_where_nobody_has_taken_its_place(
    server, storage_of, producing
):
    with path_to(server.port) as path:
        producer = producing(storage_of(path))
        elsewhere = storage_of(server)
        producer.makes(10)
        path.hold()
        eventually(lambda: not server.client.exists(key_of(server, "lease")))
        path.mend()
        eventually(lambda: server.client.exists(key_of(server, "lease")))
        with pytest.raises(StreamIsProduced):
            elsewhere.record(STREAM, HEAD, nothing)
        with contextlib.closing(elsewhere.read(STREAM)) as reading:
            assert producer.end() == read_all(reading)


def test_a_stop_while_the_producer_is_cut_off_reaches_it_afterwards(server, storage_of):
    reasons = []
    with path_to(server.port) as path:
        storage_of(path).record(STREAM, HEAD, reasons.append)
        path.hold()
        assert storage_of(server).stop(STREAM)
        assert reasons == []
        path.mend()
        eventually(lambda: reasons == ["cancelled"])


def test_a_message_that_was_lost_stops_the_stream_all_the_same(server, storage_of):
    reasons = []
    with path_to(server.port) as path:
        storage_of(path).record(STREAM, HEAD, reasons.append)
        path.hold()
        assert storage_of(server).stop(STREAM)
        server.client.delete(*server.client.scan_iter("*:process:*"))
        path.mend()
        eventually(lambda: reasons == ["cancelled"])


def test_readers_do_not_hang_where_redis_stays_away(server, storage_of, monkeypatch):
    monkeypatch.setattr("flask_llmstream.replay.redis.follower.UNREACHABLE_SECONDS", 0.5)
    storage_of(server).record(STREAM, HEAD, nothing)
    with contextlib.closing(storage_of(server).read(STREAM)) as reading:
        server.kill()
        assert read_all(reading) == Read(b"", 0, HEAD.lost, "lost")


@pytest.mark.parametrize("command", ["xread", "xrange"])
def test_readers_do_not_hang_where_redis_refuses_a_command(
    server, storage_of, monkeypatch, caplog, command
):
    """It has a list of the commands that this user may send, say."""
    monkeypatch.setattr("flask_llmstream.replay.redis.follower.UNREACHABLE_SECONDS", 0.5)
    server.client.execute_command("ACL", "SETUSER", "default", f"-{command}")
    storage_of(server).record(STREAM, HEAD, nothing).append(event(1))
    with contextlib.closing(storage_of(server).read(STREAM)) as reading:
        assert read_all(reading) == Read(b"", 0, HEAD.lost, "lost")
    assert f"'{command}'" in caplog.text


def record_if_free(storage):
    with contextlib.suppress(StreamIsProduced):
        return storage.record(STREAM, HEAD, nothing)


def key_of(server, kind):
    found = list(server.client.scan_iter(f"*:stream:{STREAM}:{kind}"))
    return found[0] if found else "none"


def kept(server):
    return server.client.xrange(key_of(server, "events"))


# Everything at random.


@pytest.mark.thorough
@pytest.mark.parametrize("seed", range(12))
def test_any_sequence_of_bad_days(storage_of, producing, seed):
    """Several streams and readers, and faults in any order: every reader that is not told of a loss
    gets every byte once."""
    chance = random.Random(seed)
    with redis_server() as server, path_to(server.port) as here, path_to(server.port) as there:
        storage, elsewhere = storage_of(here), storage_of(there)
        producers = [producing(storage, f"{STREAM}-{one}") for one in range(3)]
        readings = [elsewhere.read(f"{STREAM}-{one}") for one in range(3)]

        def restart():
            server.kill()
            server.start()

        faults = [
            here.cut, there.cut, here.hold, there.hold, here.mend, there.mend, restart,
            lambda: server.client.flushall(),
            lambda: server.client.execute_command("CLIENT", "PAUSE", 300, "ALL"),
            lambda: server.client.execute_command(*"CLIENT KILL TYPE normal".split()),
            lambda: server.client.config_set("maxmemory", 1),
            lambda: server.client.config_set("maxmemory", 0),
        ]  # fmt: skip
        for _ in range(15):
            with contextlib.suppress(redis.RedisError):
                chance.choice(faults)()
            producers[0].makes(chance.randrange(10))
        here.mend(), there.mend()
        eventually(lambda: server.client.config_set("maxmemory", 0))
        for producer, reading in zip(producers, readings):
            producer.makes(1)
            made, read = producer.end(), read_all(reading)
            assert read == made or (read.reason == "lost" and made.events.startswith(read.events))
            reading.close()
        for one, producer in enumerate(producers):
            again = eventually(lambda: elsewhere.read(f"{STREAM}-{one}"))
            with contextlib.closing(again):
                assert read_all(again) == producer.end()

"""Workers of gunicorn end, well and badly, and the readers of streams that are kept go on.

The test itself is the producer of the streams whose producer lives elsewhere.
"""

from __future__ import annotations

import contextlib
import os
import re
import signal

import pytest

from flask_llmstream import producer
from flask_llmstream.replay.redis.storage import RedisStorage
from tests.support.eventually import eventually
from tests.support.produced import kill, produced, text_of, token
from tests.support.redis_servers import redis_server

SENT_OFF = re.compile(rb"^retry: [1-5]\d{3}\n", re.MULTILINE)


@pytest.fixture(scope="module")
def server():
    with redis_server() as server:
        yield server


@pytest.fixture(scope="module")
def site(server):
    with produced(server.url) as site:
        yield site


@pytest.fixture
def storage(server):
    with contextlib.closing(RedisStorage(server.url)) as storage:
        yield storage


@pytest.fixture
def stream_id(site):
    return site.post("/ids")["id"]


def test_a_reader_whose_worker_is_killed_goes_on_at_another(site, storage, stream_id):
    with producer(stream_id, storage, format="text") as emitter:
        emitter.send(token("a", 0))
        with site.reading(stream_id) as first:
            first.read_until(token("a", 0))
            kill(first.worker)
            first.read_to_the_end()
        assert first.end is None
        emitter.send(token("a", 1))
        with site.reading(stream_id, first.last_event_id, first.worker) as second:
            second.read_until(token("a", 1))
            emitter.send(token("a", 2))
            emitter.complete()
            second.read_to_the_end()
    assert second.end.event == "ended"
    assert first.text + second.text == text_of("a", 3)


def test_the_readers_of_a_producer_that_is_killed_get_an_error(site, server):
    with site.request("POST", "/answers/b", [1000, 0.05]) as reader:
        stream_id = reader.response.headers["X-Stream-ID"]
        producing = int(reader.response.headers["X-Worker"])
        with site.reading(stream_id, elsewhere_than=producing) as reading:
            reading.read_until(token("b", 1))
            kill(producing)
            reading.read_to_the_end()
    assert '"code":"producer_lost"' in reading.end.data
    with site.reading(stream_id, elsewhere_than=producing) as late:
        late.read_to_the_end()
    assert '"code":"producer_lost"' in late.end.data
    assert late.text.startswith(reading.text)


def test_a_restart_sends_off_the_readers_whose_producer_lives_elsewhere(site, storage, stream_id):
    with producer(stream_id, storage, format="text") as emitter:
        emitter.send(token("c", 0))
        with site.reading(stream_id) as first:
            first.read_until(token("c", 0))
            site.signal(signal.SIGHUP)
            first.read_to_the_end()
        assert first.end is None
        assert SENT_OFF.search(first.raw)
        assert not first.last_event_id.endswith(":ended")
        emitter.send(token("c", 1))
        with site.reading(stream_id, first.last_event_id, first.worker) as second:
            second.read_until(token("c", 1))
            emitter.complete()
            second.read_to_the_end()
    assert second.end.event == "ended"
    assert first.text + second.text == text_of("c", 2)


@pytest.mark.thorough
def test_a_restart_sends_off_a_reader_of_a_stream_that_has_not_begun(site, storage, stream_id):
    with site.reading(stream_id) as first:
        first.read()
        site.signal(signal.SIGHUP)
        first.read_to_the_end()
    assert first.end is None
    assert SENT_OFF.search(first.raw)
    with site.reading(stream_id, first.last_event_id, first.worker) as second:
        second.read()
        with producer(stream_id, storage, format="text") as emitter:
            emitter.send("one")
        second.read_to_the_end()
    assert (second.text, second.end.event) == ("one", "ended")


def test_a_restart_ends_the_streams_that_the_worker_produces_for_all_their_readers(site):
    with site.request("POST", "/answers/d", [1000, 0.05]) as reader:
        stream_id = reader.response.headers["X-Stream-ID"]
        producing = int(reader.response.headers["X-Worker"])
        with site.reading(stream_id, elsewhere_than=producing) as reading:
            reading.read_until(token("d", 1))
            os.kill(producing, signal.SIGTERM)
            reading.read_to_the_end()
        assert b'"code":"shutdown"' in b"\n".join(reader.blocks())
    assert '"code":"shutdown"' in reading.end.data
    assert reading.end.id == f"{stream_id}:ended"


def test_a_worker_that_is_told_to_end_finishes_a_stream_whose_readers_have_left(site):
    with site.request("POST", "/answers/e", [8, 0.1]) as reader:
        stream_id = reader.response.headers["X-Stream-ID"]
        producing = int(reader.response.headers["X-Worker"])
    os.kill(producing, signal.SIGTERM)
    with site.reading(stream_id, elsewhere_than=producing) as reading:
        reading.read_to_the_end()
    assert (reading.text, reading.end.event) == (text_of("e", 8), "ended")
    eventually(lambda: not os.path.exists(f"/proc/{producing}"))


def test_a_stream_that_nobody_reads_any_more_ends_in_its_time(site, server):
    with site.request("POST", "/answers/h", [1000, 0.05, ["detach_seconds", 0.5]]) as reader:
        reader.block()
    eventually(lambda: server.client.get("left:h"))


@pytest.mark.thorough
def test_two_hosts_share_one_redis(server, site):
    """Two gunicorns on two ports, each with its own workers, know only Redis of each other."""
    with produced(server.url) as other:
        with site.request("POST", "/answers/f", [30, 0.02]) as reader:
            stream_id = reader.response.headers["X-Stream-ID"]
            reader.block()
        with other.reading(stream_id, f"{stream_id}:0") as there:
            there.read_until(token("f", 2))
        with site.reading(stream_id, there.last_event_id) as here:
            here.read_to_the_end()
        assert there.text + here.text == text_of("f", 30)
        with site.request("POST", "/answers/g", [1000, 0.02]) as reader:
            stream_id = reader.response.headers["X-Stream-ID"]
            other.post(f"/stop/{stream_id}")
            assert b'"reason":"cancelled"' in b"\n".join(reader.blocks())

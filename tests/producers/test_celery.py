"""Celery's workers produce, gunicorn's workers are read, one Redis is between them."""

from __future__ import annotations

import sys
import time

import pytest

from tests.support.celery_workers import celery_worker
from tests.support.eventually import eventually
from tests.support.produced import kill, produced, text_of
from tests.support.redis_servers import redis_server

if sys.version_info < (3, 9):
    pytest.skip("Celery needs a newer click than Flask 1.1 takes", allow_module_level=True)

TASKS = "tests.live_apps.tasks:celery"
STOP_SECONDS = 0.5
LOST_SECONDS = 15


@pytest.fixture(scope="module")
def server():
    with redis_server() as server:
        yield server


@pytest.fixture(scope="module")
def site(server):
    with produced(server.url, "tasks") as site:
        yield site


@pytest.fixture(scope="module")
def worker(server):
    with celery_worker(TASKS, "-P", "prefork", "-c", "2", REDIS_URL=server.url) as worker:
        yield worker


def begin(site, name, *arguments):
    return site.post(f"/tasks/{name}", arguments)["id"]


def counted(server, kind, stream_id):
    return int(server.client.get(f"{kind}:{stream_id}") or 0)


def test_a_page_reads_what_a_task_sends(site, server, worker):
    stream_id = begin(site, "count", 20, 0.01)
    with site.reading(stream_id) as reading:
        assert reading.read_to_the_end().text == text_of(stream_id, 20)
    assert reading.end.event == "ended"


def test_a_task_that_fails_fails_its_stream_and_is_a_failed_task(site, worker):
    stream_id = begin(site, "fail")
    with site.reading(stream_id) as reading:
        assert "internal" in reading.read_to_the_end().end.data
    eventually(lambda: worker.has_logged("raised unexpected: LookupError('no more tokens')"))


def test_stopping_the_stream_stops_a_silent_task(site, server, worker):
    stream_id = begin(site, "wait")
    with site.reading(stream_id) as reading:
        reading.read_until("run 1")
        began = time.monotonic()
        site.post(f"/stop/{stream_id}")
        assert '"reason":"cancelled"' in reading.read_to_the_end().end.data
        eventually(lambda: counted(server, "left", stream_id))
        assert time.monotonic() - began < STOP_SECONDS
    assert "more" not in reading.text
    assert not worker.has_logged("StreamClosed")


def test_a_killed_child_shows_as_an_error_and_its_task_begins_a_new_run(site, server, worker):
    stream_id = begin(site, "wait")
    with site.reading(stream_id) as old:
        old.read_until("run 1")
        kill(counted(server, "pid", stream_id))
        assert '"code":"producer_lost"' in old.read_to_the_end().end.data
    with site.reading(stream_id) as new:
        new.read_until("run 2")
        assert "run 1" not in new.text
        site.post(f"/stop/{stream_id}")
        assert '"reason":"cancelled"' in new.read_to_the_end().end.data
    with site.request("GET", f"/read/{stream_id}", last=f"{stream_id}:1") as reader:
        assert reader.response.status == 410
        assert b"replaced" in reader.response.read()


@pytest.mark.thorough
def test_a_whole_worker_is_lost_and_its_task_begins_a_new_run_at_another():
    """No broker notices that at once: the task comes back behind its visibility timeout."""
    with redis_server() as server, produced(server.url, "tasks") as site:
        worker = (TASKS, "-P", "prefork", "-c", "2")
        settings = {"REDIS_URL": server.url, "VISIBLE_AFTER": "2"}
        with celery_worker(*worker, **settings) as lost:
            stream_id = begin(site, "wait")
            with site.reading(stream_id) as old:
                old.read_until("run 1")
                lost.lose()
                began = time.monotonic()
                assert '"code":"producer_lost"' in old.read_to_the_end().end.data
                assert time.monotonic() - began < LOST_SECONDS
        with celery_worker(*worker, **settings):
            eventually(lambda: counted(server, "begun", stream_id) == 2)
            with site.reading(stream_id) as new:
                new.read_until("run 2")
                assert "run 1" not in new.text
                site.post(f"/stop/{stream_id}")
                assert '"reason":"cancelled"' in new.read_to_the_end().end.data
        with site.request("GET", f"/read/{stream_id}", last=f"{stream_id}:1") as reader:
            assert reader.response.status == 410


def test_a_task_that_no_worker_takes_is_an_error(site, worker):
    stream_id = site.post("/queued", 0.1)["id"]
    with site.reading(stream_id) as reading:
        reading.read_to_the_end()
    assert '"code":"timeout"' in reading.end.data
    assert "did not begin within 0.1 seconds" in reading.end.data


def test_a_task_that_was_stopped_while_it_was_queued_ends_for_its_readers(site, worker):
    stream_id = site.post("/queued", 60)["id"]
    with site.reading(stream_id) as reading:
        reading.read()
        site.post(f"/stop/{stream_id}")
        assert '"reason":"cancelled"' in reading.read_to_the_end().end.data


@pytest.mark.thorough
@pytest.mark.parametrize("pool", ["gevent", "threads", "solo"])
def test_the_other_pools_do_the_same(server, site, pool):
    with celery_worker(TASKS, "-P", pool, "-c", "4", REDIS_URL=server.url):
        test_a_page_reads_what_a_task_sends(site, server, None)
        stream_id = begin(site, "wait")
        with site.reading(stream_id) as reading:
            reading.read_until("run 1")
            began = time.monotonic()
            site.post(f"/stop/{stream_id}")
            eventually(lambda: counted(server, "left", stream_id))
            assert time.monotonic() - began < STOP_SECONDS

"""Streams in Redis as clients see them: two workers of a site, and one Redis."""

from __future__ import annotations

import contextlib
import uuid

import pytest
from redis import Redis

from flask_llmstream import EventStreamDecoder, LLMStream
from flask_llmstream.replay.redis.storage import RedisStorage
from tests.support.answers import Answer
from tests.support.redis_servers import free_port
from tests.support.runtimes import GREENLETS, THREADS, only

JUNK = ["-1", "0", ":", ":-1", "{}:-1", "{}:99999999999999999999", "{}:1.5", "*", "$", "+", "9-0"]


@pytest.fixture
def new_worker(make_app):
    """Make a worker of a site: an app with a stream that is kept at ``/``."""
    prefix = uuid.uuid4().hex
    with contextlib.ExitStack() as stack:

        def new_worker(url):
            storage = RedisStorage(url, prefix=prefix)
            stack.callback(storage.close)
            streams = LLMStream()
            app = make_app(streams, LLMSTREAM_REPLAY_URL=storage)
            answer = ["one", "two", "three"]
            app.add_url_rule("/", "view", lambda: streams.response(answer, reconnect="resume"))
            app.add_url_rule("/log/<stream_id>", "log", streams.attach)
            return app

        yield new_worker


def events_in(body):
    return list(EventStreamDecoder().feed(body))


def whole(app, path, last=""):
    with Answer(app, path, headers={"Last-Event-ID": last} if last else {}) as answer:
        answer.body = answer.rest()
    return answer


@only(GREENLETS, THREADS)
def test_another_worker_replays_the_same_bytes(server, new_worker):
    first = whole(new_worker(server.url), "/")
    stream_id = first.headers["X-Stream-ID"]
    elsewhere = new_worker(server.url)
    assert whole(elsewhere, f"/log/{stream_id}").body == first.body
    rest = whole(elsewhere, f"/log/{stream_id}", f"{stream_id}:1").body
    assert events_in(rest) == events_in(first.body)[2:]  # the opening, and the first


@only(GREENLETS, THREADS)
def test_a_redis_that_is_gone_is_a_503_before_anything_starts(server, new_worker, caplog):
    stream_id = whole(new_worker(server.url), "/").headers["X-Stream-ID"]
    app = new_worker(f"redis://127.0.0.1:{free_port()}")
    for path in ("/", f"/log/{stream_id}"):
        answer = whole(app, path)
        assert answer.status == 503
        assert answer.headers["Retry-After"] == "1"
    assert not [record for record in caplog.records if record.exc_info]


@only(GREENLETS)
@pytest.mark.parametrize("junk", JUNK)
def test_no_event_id_of_a_client_reaches_redis(server, new_worker, junk):
    app = new_worker(server.url)
    stream_id = whole(app, "/").headers["X-Stream-ID"]
    with contextlib.closing(Redis(port=server.port)) as client, client.monitor() as monitor:
        answer = whole(app, f"/log/{stream_id}", junk.format(stream_id))
        server.client.ping()
        commands = iter(lambda: monitor.next_command()["command"], "PING")
        reads = [command.split() for command in commands if command.startswith("XREAD ")]
    assert answer.status in (200, 204, 400, 410)
    assert not [words for words in reads if {junk, junk.partition(":")[2]} & set(words)]

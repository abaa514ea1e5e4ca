"""A reader who comes back is not lost to a refusal that holds for the moment.

By WHATWG HTML, section 9.2.3, a browser's ``EventSource`` stays away for good behind any other
status than 200. The test with a browser is in ``tests/producers/test_sent_off.py``.
"""

from __future__ import annotations

import contextlib
import logging
import re

import pytest
from flask import Response, abort

from flask_llmstream import LLMStream, ProviderError, ServerSentEvent, StreamError
from flask_llmstream.app.stream_ids import signed_id
from flask_llmstream.replay.redis.storage import RedisStorage
from flask_llmstream.wsgi.returning_reader import or_send_off
from tests.support.answers import Answer
from tests.support.plain_wsgi import EVENT_STREAM
from tests.support.ports import free_port
from tests.support.runtimes import GREENLETS, only

on_greenlets = only(GREENLETS)

EVENT_SOURCE = {"Accept": "text/event-stream"}
SOMEBODY = {"REMOTE_ADDR": "10.0.0.1"}


def asked(app, path, last, **request):
    """The answer to a reader who comes back, read to its end."""
    headers = {**EVENT_SOURCE, **({"Last-Event-ID": last} if last else {})}
    with Answer(app, path, SOMEBODY, headers=headers, **request) as answer:
        answer.body = answer.rest()
    return answer


def is_sent_off(answer, seconds=1):
    """Whether it says when to come back, and nothing else."""
    told = re.fullmatch(rb"retry: (\d+)\n", answer.body)
    return (
        answer.status == 200
        and answer.headers["Content-Type"] == "text/event-stream; charset=utf-8"
        and answer.headers["Content-Length"] == str(len(answer.body))
        and answer.headers["Retry-After"] == str(seconds)
        and answer.headers["Cache-Control"] == "no-store, no-transform"
        and told is not None
        and 1000 * seconds <= int(told.group(1)) <= 1000 * seconds + 4000
    )


@pytest.fixture
def feed(app, streams):
    """An endless stream with IDs of its own at ``/feed``, which runs again for who comes back."""

    @app.route("/feed")
    def feed():
        return streams.response([ServerSentEvent("one", id="1")], reconnect="restart")

    return app


@pytest.fixture
def kept(app, streams):
    """Make an answer that is kept, at ``/kept`` and ``/log/<id>``. Returns its first event ID."""
    app.add_url_rule("/kept", "kept", lambda: streams.response(["one"], reconnect="resume"))
    app.add_url_rule("/log/<stream_id>", "log", lambda stream_id: streams.attach(stream_id))

    def begin():
        return asked(app, "/kept", "").headers["X-Stream-ID"]

    return begin


# Which refusals.


def test_a_server_that_is_drained_sends_a_returning_reader_off(feed, streams):
    streams.drain(0)
    assert is_sent_off(asked(feed, "/feed", "1"))


@on_greenlets
def test_it_sends_the_readers_of_what_is_kept_off(place, app, kept, streams):
    stream_id = kept()
    streams.drain(0)
    for path in ("/kept", f"/log/{stream_id}"):
        answer = asked(app, path, f"{stream_id}:1")
        assert is_sent_off(answer), path
        assert answer.headers["X-Stream-ID"] == stream_id


@on_greenlets
@pytest.mark.parametrize("limit", ["LLMSTREAM_MAX_STREAMS", "LLMSTREAM_MAX_STREAMS_PER_CLIENT"])
@pytest.mark.parametrize("reconnect", ["refuse", "restart"])
def test_a_limit_sends_a_returning_reader_off(
    place, make_app, streams, waiting, limit, reconnect
):
    app = make_app(**{limit: 1})
    app.add_url_rule("/", "view", lambda: streams.response(waiting, reconnect=reconnect))
    with Answer(app, "/", SOMEBODY) as first:
        first.block()
        assert is_sent_off(asked(app, "/", "17"))


@on_greenlets
def test_a_limit_sends_a_second_reader_of_what_is_kept_off(place, make_app, streams, waiting):
    app = make_app(LLMSTREAM_MAX_STREAMS_PER_CLIENT=1)
    app.add_url_rule("/", "view", lambda: streams.response(waiting, reconnect="resume"))
    with Answer(app, "/", SOMEBODY) as first:
        first.block()
        last = f"{first.headers['X-Stream-ID']}:0"
        with Answer(app, "/", SOMEBODY, headers={"Last-Event-ID": last}) as second:
            second.block()
            assert is_sent_off(asked(app, "/", last))


@pytest.fixture
def away():
    """The storage of a Redis that can't be reached."""
    with contextlib.closing(RedisStorage(f"redis://127.0.0.1:{free_port()}")) as storage:
        yield storage


def test_a_redis_that_is_away_sends_a_returning_reader_off(make_app, streams, away):
    app = make_app(LLMSTREAM_REPLAY_URL=away, LLMSTREAM_RECONNECT="resume")
    app.add_url_rule("/kept", "kept", lambda: streams.response(["one"]))
    app.add_url_rule("/log/<stream_id>", "log", lambda stream_id: streams.attach(stream_id))
    stream_id = signed_id(app, "")
    for path in ("/kept", f"/log/{stream_id}", "/v1/chat/stream", f"/v1/chat/streams/{stream_id}"):
        assert is_sent_off(asked(app, path, f"{stream_id}:4")), path


@on_greenlets
def test_a_full_storage_sends_a_reader_off_who_comes_back_to_a_stream_of_another(
    place, make_app, streams, waiting
):
    app = make_app(LLMSTREAM_REPLAY_MAX_STREAMS=1)
    app.add_url_rule("/", "view", lambda: streams.response(waiting, reconnect="resume"))
    with Answer(app, "/", SOMEBODY) as first:
        first.block()
        assert is_sent_off(asked(app, "/", "an ID of the site's old server"))


@pytest.mark.parametrize("status", [429, 503])
def test_an_error_of_the_stream_itself_sends_a_returning_reader_off(app, streams, status):
    def source():
        raise ProviderError("The model is busy.", status=status, retry_after=7)
        yield

    app.add_url_rule("/", "view", lambda: streams.response(source(), reconnect="restart", hold=5))
    assert is_sent_off(asked(app, "/", "1"), seconds=7)


def closed_for_a_minute():
    raise StreamError("Closed for a minute.", status=503, retry_after=60)


def test_so_does_one_of_a_view(app):
    app.add_url_rule("/", "view", closed_for_a_minute)
    assert is_sent_off(asked(app, "/", "1"), seconds=60)


def test_so_does_one_of_a_guard(make_app):
    app = make_app(LLMStream(providers={}, guard=closed_for_a_minute))
    assert is_sent_off(asked(app, "/v1/chat/stream", "1"), seconds=60)


@on_greenlets
def test_the_middleware_sends_a_returning_reader_off(place, wrap, foreign, pausing):
    wrapped = wrap(foreign(pausing(None), EVENT_STREAM, ("Set-Cookie", "a=1")), max_streams=1)
    with Answer(wrapped, "/") as first:
        first.block()
        answer = asked(wrapped, "/", "7")
    assert is_sent_off(answer)
    assert answer.headers["Set-Cookie"] == "a=1"


# Which requests.


def test_a_first_request_has_its_true_status(feed, streams):
    streams.drain(0)
    answer = asked(feed, "/feed", "")
    assert (answer.status, answer.headers["Retry-After"]) == (503, "1")
    assert b'"code":"shutdown"' in answer.body


@pytest.mark.parametrize("accept", ["*/*", "application/json", "text/html"])
def test_so_has_the_request_of_a_program(feed, streams, accept):
    streams.drain(0)
    with Answer(feed, "/feed", headers={"Accept": accept, "Last-Event-ID": "1"}) as answer:
        assert answer.json["error"]["code"] == "shutdown"
    assert answer.status == 503


def test_so_has_a_post(app, streams):
    app.add_url_rule("/", "view", lambda: streams.response(["one"]), methods=["POST"])
    streams.drain(0)
    assert asked(app, "/", "1", method="POST").status == 503


def test_a_polyfill_says_in_the_query_what_it_has(feed, streams):
    streams.drain(0)
    assert is_sent_off(asked(feed, "/feed?lastEventId=1", ""))
    assert asked(feed, "/feed?lastEventId=", "").status == 503


def test_a_polyfill_may_accept_more(feed, streams):
    streams.drain(0)
    headers = {"Accept": "Text/Event-Stream, */*;q=0.1", "Last-Event-ID": "1"}
    with Answer(feed, "/feed", headers=headers) as answer:
        answer.body = answer.rest()
    assert is_sent_off(answer)


# Which answers stay.


@pytest.mark.parametrize("status", [401, 403, 404, 410, 500, 502, 504])
def test_any_other_refusal_is_final(app, status):
    def refuse():
        raise StreamError("No.", status=status, retry_after=1)

    app.add_url_rule("/", "view", refuse)
    assert asked(app, "/", "1").status == status


def test_an_end_is_final_behind_a_drain_too(app, streams):
    app.add_url_rule("/", "view", lambda: streams.response(["one"]))
    streams.drain(0)
    assert asked(app, "/", "00112233445566778899aabbccddeeff:4").status == 410


def test_a_503_without_a_time_is_final(app):
    def refuse():
        raise StreamError("Closed for ever.", status=503)

    app.add_url_rule("/", "view", refuse)
    assert asked(app, "/", "1").status == 503


def test_the_site_s_own_answers_are_its_own(app):
    app.add_url_rule("/", "view", lambda: ("busy", 503, {"Retry-After": "3"}))
    app.add_url_rule("/limited", "limited", lambda: abort(429))
    assert asked(app, "/", "1").body == b"busy"
    assert asked(app, "/limited", "1").status == 429


# The application's error handlers.


@pytest.fixture
def refused(app, streams):
    """Two ways to the same refusal: of the stream, and of a view."""

    def refuse():
        raise StreamError("Busy.", status=503, retry_after=2)

    app.add_url_rule("/stream", "stream", lambda: streams.response(["one"], reconnect="restart"))
    app.add_url_rule("/view", "view", refuse)
    streams.drain(0)
    return app


both = pytest.mark.parametrize("path, seconds", [("/stream", 1), ("/view", 2)])


@both
def test_a_handler_is_asked_and_its_refusal_for_the_moment_loses_nobody(refused, path, seconds):
    seen = []

    @refused.errorhandler(503)
    def busy(error):
        seen.append(error)
        return Response("<p>Busy.", 503, {"Set-Cookie": "seen=1", "Link": "</busy.css>"})

    answer = asked(refused, path, "1")
    assert is_sent_off(answer, seconds) and len(seen) == 1
    assert answer.headers["Set-Cookie"] == "seen=1"
    assert "Link" not in answer.headers


@both
def test_a_time_of_the_handler_s_own_counts(refused, path, seconds):
    refused.register_error_handler(503, lambda error: ("", 503, {"Retry-After": "30"}))
    assert is_sent_off(asked(refused, path, "1"), seconds=30)


@both
def test_any_other_answer_of_a_handler_stands(refused, path, seconds):
    refused.register_error_handler(503, lambda error: ("Go away.", 410))
    assert (asked(refused, path, "1").status, asked(refused, path, "").status) == (410, 410)


@both
def test_an_answer_that_a_handler_keeps_for_all_is_not_changed(refused, path, seconds):
    busy = Response("Busy.", 503, {"Retry-After": "2"})
    refused.register_error_handler(503, lambda error: busy)
    assert is_sent_off(asked(refused, path, "1"), seconds=2)
    assert (busy.status_code, busy.get_data()) == (503, b"Busy.")


# What goes with it.


@both
def test_headers_that_belong_to_the_request_are_sent(refused, path, seconds):
    """Without those of CORS a page of another site would not come back either."""

    class Own(Response):
        pass

    refused.response_class = Own
    kinds = []

    @refused.after_request
    def allow(response):
        kinds.append(type(response))
        response.headers["Access-Control-Allow-Origin"] = "https://page.test"
        response.headers["ETag"] = '"a page"'
        return response

    answer = asked(refused, path, "1")
    assert answer.status == 200
    assert answer.headers["Access-Control-Allow-Origin"] == "https://page.test"
    assert issubclass(kinds[0], Own)


@both
def test_the_log_says_that_the_reader_was_refused(refused, path, seconds, caplog):
    with caplog.at_level(logging.INFO):
        asked(refused, f"{path}?ticket=secret", "1")
    assert re.search(
        rf"GET {path}: its reader is sent off for \d+ ms in place of a 503", caplog.text
    )
    assert "secret" not in caplog.text


def test_not_all_readers_come_back_at_once(feed, streams):
    streams.drain(0)
    assert len({asked(feed, "/feed", "1").body for _ in range(9)}) > 1


def test_what_is_no_refusal_is_not_looked_at():
    """A response that is not refused costs nothing: its request is not even read."""
    response = Response("fine")
    assert or_send_off(response, {}) is response

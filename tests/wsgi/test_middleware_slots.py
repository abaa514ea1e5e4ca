"""Wrapped event streams have slots, can be drained, and are reported at their end."""

from __future__ import annotations

import re

import pytest
from flask import got_request_exception
from werkzeug.middleware.proxy_fix import ProxyFix

from flask_llmstream import stream_finished
from flask_llmstream.stream.limits import all_limiters
from tests.support.answers import Answer
from tests.support.plain_wsgi import EVENT_STREAM
from tests.support.runtimes import GREENLETS, THREADS, only, wait_for_worker_threads

ONE = b"data: one\n\n"

where_it_is_read = only(GREENLETS, THREADS)


# Slots.


def test_without_a_slot_there_is_503_and_the_app_s_answer_is_closed(wrap, foreign, pausing):
    app = foreign(pausing(None), EVENT_STREAM, ("Set-Cookie", "a=1"))
    wrapped = wrap(app, max_streams=1)
    with Answer(wrapped, "/") as first, Answer(wrapped, "/") as second:
        first.block()
        assert second.json["error"]["code"] == "too_many_streams"
        app.closed.wait()
        assert app.times_closed == 1
    assert (second.status, second.headers["Retry-After"]) == (503, "1")
    assert second.headers["Set-Cookie"] == "a=1"


def test_a_slot_is_free_again_behind_the_end(wrap, foreign):
    wrapped = wrap(foreign([ONE]), max_streams=1)
    with Answer(wrapped, "/") as answer:
        answer.rest()
        wait_for_worker_threads()
    assert wrapped.taken == 0


def test_what_is_no_event_stream_needs_no_slot(wrap, foreign, pausing):
    wrapped = wrap(foreign(pausing(None)), max_streams=1)
    page = wrap(foreign([b"<p>"], ("Content-Type", "text/html")), max_streams=1)
    with Answer(wrapped, "/") as stream, Answer(page, "/") as answer:
        stream.block()
        assert answer.rest() == b"<p>"
        assert (wrapped.taken, page.taken) == (1, 0)


def from_(address):
    return {"REMOTE_ADDR": address}


def test_one_client_too_often_is_429_and_another_is_served(wrap, foreign, pausing):
    wrapped = wrap(foreign(pausing(None)), max_streams_per_client=1)
    with Answer(wrapped, "/", environ=from_("10.0.0.1")) as first:
        first.block()
        with Answer(wrapped, "/", environ=from_("10.0.0.1")) as again:
            again.block()
        with Answer(wrapped, "/", environ=from_("10.0.0.2")) as another:
            another.block()
    assert (again.status, another.status) == (429, 200)


def test_the_address_is_what_the_app_s_own_proxyfix_makes_it(wrap, foreign, pausing):
    wrapped = wrap(ProxyFix(foreign(pausing(None))), max_streams_per_client=1)
    with Answer(wrapped, "/", headers={"X-Forwarded-For": "10.0.0.1"}) as first:
        first.block()
        with Answer(wrapped, "/", headers={"X-Forwarded-For": "10.0.0.2"}) as another:
            another.block()
    assert another.status == 200


def test_whose_a_request_is_can_be_told_otherwise(wrap, foreign, pausing):
    def user(environ):
        return environ["HTTP_X_USER"]

    wrapped = wrap(foreign(pausing(None)), max_streams_per_client=1, client_key=user)
    with Answer(wrapped, "/", headers={"X-User": "ann"}) as first:
        first.block()
        with Answer(wrapped, "/", headers={"X-User": "ann"}) as again:
            again.block()
    assert again.status == 429


# Drain.


@pytest.fixture
def open_stream(wrap, foreign, pausing, no_farewell):
    """A function that opens a stream and returns its middleware. It waits after its first block."""

    def open_stream(**options):
        blocks = pausing(ONE, None)
        wrapped = wrap(foreign(blocks), **options)
        answer = Answer(wrapped, "/")
        answer.block()
        blocks.waits.wait()
        return wrapped, answer, blocks

    return open_stream


@where_it_is_read
def test_a_drain_ends_it_with_an_error_and_a_time_to_come_back_at(open_stream):
    wrapped, answer, blocks = open_stream()
    with answer:
        assert wrapped.drain(0) == 1
        blocks.go_on.set()
        last = answer.rest()
    assert b'"code":"shutdown"' in last
    assert 1000 <= int(re.search(rb"^retry: (\d+)$", last, re.MULTILINE).group(1)) <= 5000


@only(GREENLETS)
def test_an_endless_one_has_only_a_time_to_come_back_at(open_stream):
    wrapped, answer, blocks = open_stream(reconnect="restart")
    with answer:
        wrapped.drain(0)
        blocks.go_on.set()
        assert re.fullmatch(rb"(data: one\n\n)?retry: \d+\n\n", answer.rest())


@where_it_is_read
def test_behind_a_drain_there_is_503_for_event_streams_alone(wrap, foreign):
    wrapped = wrap(foreign([ONE]))
    wrapped.drain(0)
    with Answer(wrapped, "/") as answer:
        assert answer.json["error"]["code"] == "shutdown"
    assert answer.status == 503


@only(GREENLETS)
def test_an_extension_s_drain_ends_it_too_for_a_process_goes_as_a_whole(app, streams, open_stream):
    wrapped, answer, blocks = open_stream()
    with answer:
        assert streams.drain(0) == 1
        blocks.go_on.set()
        assert b'"code":"shutdown"' in answer.rest()


def test_its_slots_are_known_to_the_line_for_gunicorn(wrap, foreign, pausing):
    wrapped = wrap(foreign(pausing(None)))
    with Answer(wrapped, "/") as answer:
        answer.block()
        assert [slots.taken for slots in all_limiters() if slots.taken] == [1]


# Reports.


def test_the_signal_is_sent_by_the_middleware(place, wrap, foreign):
    wrapped, heard, came = wrap(foreign([ONE, ONE])), [], place.for_reader()

    def hear(sender, summary):
        heard.append(summary)
        came.set()

    with stream_finished.connected_to(hear, wrapped):
        with Answer(wrapped, "/") as answer:
            answer.rest()
            came.wait()
    (summary,) = heard
    assert (summary.reason, summary.items, summary.bytes) == ("complete", 2, 2 * len(ONE))


def test_error_trackers_are_told_of_a_failure(wrap, foreign, finished):
    def failing():
        yield ONE
        raise LookupError("gone")

    wrapped, heard = wrap(foreign(failing), on_finish=finished), []

    def hear(sender, exception):
        heard.append(type(exception))

    with got_request_exception.connected_to(hear, wrapped):
        with Answer(wrapped, "/") as answer:
            answer.rest()
            finished.summary()
    assert heard == [LookupError]


def test_the_log_names_the_request_without_its_query(wrap, foreign, finished, caplog):
    caplog.set_level("INFO")
    with Answer(wrap(foreign([ONE]), on_finish=finished), "/a%0Ab?secret=1") as answer:
        answer.rest()
        finished.summary()
    (record,) = caplog.records
    assert " of GET /a%0Ab ended (complete) after 1 items" in record.getMessage()

"""The middleware gives any WSGI app's event streams what the package's own streams have."""

from __future__ import annotations

import json

import pytest

from tests.support.answers import Answer
from tests.support.plain_wsgi import EVENT_STREAM
from tests.support.runtimes import GREENLETS, THREADS, only

COMMENT = b": \n\n"
ONE, TWO = b"id: 1\ndata: one\n\n", b"id: 2\ndata: two\n\n"


def failing(*blocks):
    """These blocks, then an error."""

    def source():
        yield from blocks
        raise LookupError("the secret cause")

    return source


# The blocks that a reader gets.


def test_the_stream_opens_before_the_first_block(wrap, foreign, pausing):
    blocks = pausing(None, ONE)
    with Answer(wrap(foreign(blocks)), "/") as answer:
        assert answer.block() == COMMENT
        assert answer.status == 200
        blocks.go_on.set()
        assert answer.rest() == ONE


def test_blocks_go_out_as_they_are_with_nothing_behind_them(wrap, foreign):
    blocks = [ONE, b"", b"data: two\r\n\r\n"]
    with Answer(wrap(foreign(blocks)), "/") as answer:
        assert answer.rest() == COMMENT + b"".join(blocks)


def test_each_block_arrives_before_the_next_is_made(wrap, foreign, pausing):
    blocks = pausing(ONE, None, TWO)
    with Answer(wrap(foreign(blocks)), "/") as answer:
        assert answer.block() + answer.block() == COMMENT + ONE
        blocks.go_on.set()
        assert answer.rest() == TWO


def test_heartbeats_come_while_the_app_is_silent(wrap, foreign, pausing):
    blocks = pausing(ONE, None, TWO)
    with Answer(wrap(foreign(blocks), heartbeat=0.01), "/") as answer:
        while answer.block() != ONE:
            pass
        assert [answer.block() for _ in range(3)] == [COMMENT] * 3
        blocks.go_on.set()
        assert answer.rest().endswith(TWO)


def test_no_heartbeat_comes_into_the_middle_of_a_block(place, wrap, foreign):
    def in_two_pieces():
        yield b"data: one\n"
        place.producer_event().wait(0.1)  # long enough for heartbeats
        yield b"\n"

    with Answer(wrap(foreign(in_two_pieces), heartbeat=0.01), "/") as answer:
        assert b"data: one\n\n" in answer.rest()


def test_without_heartbeats_nothing_is_added(wrap, foreign):
    with Answer(wrap(foreign([ONE]), heartbeat=0), "/") as answer:
        assert answer.rest() == ONE


def test_it_is_sent_with_what_keeps_proxies_from_buffering(wrap, foreign):
    cookie = ("Set-Cookie", "a=1")
    with Answer(wrap(foreign([ONE], EVENT_STREAM, cookie)), "/") as answer:
        answer.rest()
    assert list(answer.headers) == [
        EVENT_STREAM,
        cookie,
        ("Cache-Control", "no-store, no-transform"),
        ("X-Accel-Buffering", "no"),
        ("X-Content-Type-Options", "nosniff"),
        ("Content-Encoding", "identity"),
    ]


@pytest.mark.parametrize("last_event_id", ["1", f"{'0' * 32}:ended", f"{'0' * 32}:0"])
def test_a_reader_who_comes_back_is_the_app_s_own_matter(wrap, foreign, last_event_id):
    returned = {"Last-Event-ID": last_event_id}
    with Answer(wrap(foreign([TWO])), "/", headers=returned) as answer:
        assert answer.rest() == COMMENT + TWO
    assert answer.status == 200


# How it ends.


def test_an_answer_that_ended_is_closed_once(wrap, foreign):
    app = foreign([ONE])
    with Answer(wrap(app), "/") as answer:
        answer.rest()
        app.closed.wait()
    assert app.times_closed == 1


@only(GREENLETS)
def test_a_silent_answer_is_closed_when_its_reader_leaves(wrap, foreign, pausing, connection):
    blocks = pausing(None, ONE)
    app = foreign(blocks)
    with Answer(wrap(app), "/", environ=connection.environ) as answer:
        answer.block()
        blocks.waits.wait()
        connection.client_closes()
        app.closed.wait()
        assert answer.rest() == b""
    assert app.times_closed == 1


@only(THREADS)
def test_on_a_thread_it_is_closed_at_its_next_block(wrap, foreign, pausing, connection):
    blocks = pausing(None, ONE, TWO)
    app = foreign(blocks)
    with Answer(wrap(app), "/", environ=connection.environ) as answer:
        answer.block()
        connection.client_closes()
        assert answer.rest() == b""
    assert not app.closed.is_set()
    blocks.go_on.set()
    app.closed.wait()
    assert app.times_closed == 1


def test_a_departure_is_told_at_once(place, wrap, foreign, pausing, connection):
    told, summaries, blocks = place.for_reader(), [], pausing(None)

    def on_disconnect(summary):
        summaries.append(summary)
        told.set()

    app = wrap(foreign(blocks), on_disconnect=on_disconnect)
    with Answer(app, "/", environ=connection.environ) as answer:
        answer.block()
        connection.client_closes()
        told.wait()
    assert [summary.reason for summary in summaries] == ["disconnect"]


def test_an_answer_that_nobody_reads_is_closed(wrap, foreign):
    app = foreign([ONE])
    wrapped = wrap(app)
    Answer(wrapped, "/").close()
    app.closed.wait()
    assert app.times_closed == 1
    assert wrapped.taken == 0


def test_a_timer_ends_it_with_an_error(wrap, foreign, pausing, schedule):
    blocks = pausing(ONE, None)
    app = wrap(foreign(blocks), total_timeout=60, send_timeout=0)
    with Answer(app, "/") as answer:
        answer.block()
        blocks.waits.wait()
        schedule.fire()
        blocks.go_on.set()
        assert json.loads(answer.all_events()[-1].data)["error"]["code"] == "timeout"


# An app that fails.


def test_a_failure_midway_is_an_error_event_that_tells_no_secret(wrap, foreign):
    with Answer(wrap(foreign(failing(ONE))), "/") as answer:
        first, last = answer.all_events()
    assert (first.data, last.event) == ("one", "error")
    assert json.loads(last.data)["error"]["code"] == "internal"
    assert "secret" not in last.data


def test_it_is_logged_once(wrap, foreign, finished, caplog):
    with Answer(wrap(foreign(failing(ONE)), on_finish=finished), "/events") as answer:
        answer.rest()
        finished.summary()
    (record,) = caplog.records
    assert record.exc_info[0] is LookupError
    assert "GET /events" in record.getMessage()


def test_a_block_that_was_cut_short_is_not_taken_for_an_event(wrap, foreign):
    with Answer(wrap(foreign(failing(b"data: on"))), "/") as answer:
        assert [event.event for event in answer.all_events()] == ["error", "error"]


def test_with_hold_an_early_failure_has_its_status(wrap, foreign):
    with Answer(wrap(foreign(failing()), hold=5), "/") as answer:
        assert answer.json["error"]["code"] == "internal"
    assert answer.status == 500
    assert answer.headers["Content-Type"] == "application/json"


def test_an_early_failure_has_no_header_of_the_answer_that_never_came(wrap, foreign):
    headers = [EVENT_STREAM, ("ETag", '"7"'), ("Retry-After", "60"), ("X-Request-ID", "7")]
    with Answer(wrap(foreign(failing(), *headers), hold=5), "/") as answer:
        answer.rest()
    assert {"ETag", "Retry-After"}.isdisjoint(answer.headers.keys())
    assert answer.headers["X-Request-ID"] == "7"
    assert answer.headers["Cache-Control"] == "no-store"


def test_who_finds_no_slot_gets_no_header_of_the_answer_that_never_came(wrap, foreign, pausing):
    blocks = pausing(ONE, None)
    wrapped = wrap(foreign(lambda: blocks, EVENT_STREAM, ("Retry-After", "60")), max_streams=1)
    with Answer(wrapped, "/") as first, Answer(wrapped, "/") as second:
        first.block()
        second.rest()
        blocks.go_on.set()
    assert (second.status, second.headers.getlist("Retry-After")) == (503, ["1"])

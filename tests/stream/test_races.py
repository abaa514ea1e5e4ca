"""What happens at the same moment: which of the two counts, and that the other harms nothing."""

from __future__ import annotations

import logging

from flask import current_app, has_request_context

from flask_llmstream import stream_finished
from tests.support.answers import Answer
from tests.support.runtimes import GREENLETS, THREADS, only


@only(GREENLETS, THREADS)
def test_a_timeout_while_the_server_writes_is_told_behind_what_came_before(
    app, serve, waiting, schedule
):
    serve(lambda: waiting, total_timeout=5, send_timeout=0)
    with Answer(app, "/") as answer:
        answer.block()
        waiting.waits.wait()
        schedule.fire()  # nobody asks for the next block meanwhile
        waiting.go_on.set()
        rest = answer.rest()
    assert rest.index(b'"message":"one"') < rest.index(b'"code":"timeout"')


@only(GREENLETS, THREADS)
def test_a_shutdown_while_the_status_waits_has_its_own(place, app, serve, streams):
    waits, go_on = place.for_reader(), place.for_producer()

    def source():
        waits.set()
        streams_of(app)[0].shut_down()
        go_on.wait()
        yield "late"

    serve(source, hold=1000, heartbeat=0)
    with Answer(app, "/") as answer:
        assert answer.json["error"]["code"] == "shutdown"
        go_on.set()
    assert answer.status == 503
    assert 1 <= int(answer.headers["Retry-After"]) <= 5


def test_a_departure_is_told_at_once_in_an_app_context(place, app, serve, waiting, connection):
    told, came = [], place.for_reader()

    def on_disconnect(summary):
        told.append((summary.reason, current_app.name, has_request_context(), waiting.closed[:]))
        came.set()

    serve(lambda: waiting, on_disconnect=on_disconnect)
    with Answer(app, "/", connection.environ) as answer:
        answer.block()
        waiting.waits.wait()
        connection.client_closes()
        came.wait()
        waiting.go_on.set()
    expected = [True] if place.interrupts else []
    assert told[0][:3] == ("disconnect", "a_site", False)
    assert len(told) == 1 and told[0][3] in ([], expected)


def test_a_callback_that_fails_keeps_nobody_from_being_told(place, app, serve, waiting, caplog):
    def on_disconnect(summary):
        failed.set()
        raise LookupError("gone")

    failed, finished, signalled = place.for_reader(), place.for_reader(), []

    def on_finish(summary):
        finished.set()
        raise LookupError("gone too")

    def hear(sender, summary):
        signalled.append(summary.reason)

    with stream_finished.connected_to(hear, app), caplog.at_level(logging.ERROR):
        serve(lambda: waiting, on_disconnect=on_disconnect, on_finish=on_finish)
        with Answer(app, "/") as answer:
            answer.block()
            waiting.waits.wait()
        waiting.go_on.set()
        failed.wait()
        finished.wait()
    assert signalled == ["disconnect"]


def streams_of(app):
    return app.extensions["llmstream"].slots.streams

"""Sites in Flask, Bottle and Django: their event streams are improved, all else is unchanged."""

from __future__ import annotations

import pytest

from flask_llmstream import EventStreamMiddleware
from tests.conftest import needs
from tests.support.answers import Answer
from tests.support.plain_sites import SITES
from tests.support.runtimes import GREENLETS, only

COMMENT = b": \n\n"


@pytest.fixture(params=SITES)
def make_site(request):
    if request.param != "flask":
        try:
            __import__(request.param)
        except ImportError:
            needs(request.param, False)
    return SITES[request.param]


@pytest.fixture
def wrapped(place, make_site):
    """A site whose streams come from this source, wrapped."""

    def wrapped(source, **options):
        return EventStreamMiddleware(make_site(source), worker=place.worker, **options)

    return wrapped


def two(path):
    """Two blocks. Each reads the request's path anew."""
    for number in (1, 2):
        yield f"data: {number} {path()}\n\n"


def test_an_event_stream_is_iterated_inside_its_request(wrapped):
    with Answer(wrapped(two), "/stream") as answer:
        assert answer.rest() == COMMENT + b"data: 1 /stream\n\ndata: 2 /stream\n\n"
    assert answer.headers["X-Accel-Buffering"] == "no"
    assert answer.headers["Content-Type"].startswith("text/event-stream")


def test_it_has_heartbeats_while_it_is_silent(place, wrapped):
    """After the first block, because Bottle starts its response with it."""
    go_on = place.for_producer()

    def source(path):
        yield "data: one\n\n"
        go_on.wait()
        yield from two(path)

    with Answer(wrapped(source, heartbeat=0.01), "/stream") as answer:
        while answer.block() != b"data: one\n\n":
            pass
        assert [answer.block() for _ in range(3)] == [COMMENT] * 3
        go_on.set()
        assert answer.rest().endswith(b"data: 2 /stream\n\n")


@only(GREENLETS)
def test_it_is_closed_when_its_reader_leaves(place, wrapped, connection):
    closed, waits = place.for_reader(), place.for_reader()

    def source(path):
        try:
            yield "data: one\n\n"
            waits.set()
            place.for_producer().wait()
        finally:
            closed.set()

    with Answer(wrapped(source), "/stream", environ=connection.environ) as answer:
        answer.block()
        waits.wait()
        connection.client_closes()
        closed.wait()


def test_a_failure_midway_is_an_error_event(wrapped):
    def source(path):
        yield "data: one\n\n"
        raise LookupError("midway")

    with Answer(wrapped(source), "/stream") as answer:
        assert [event.event for event in answer.all_events()] == ["message", "error"]


def test_a_download_is_iterated_inside_its_request_block_by_block(wrapped):
    with Answer(wrapped(two), "/csv") as answer:
        assert list(answer.blocks) == [b"data: 1 /csv\n\n", b"data: 2 /csv\n\n"]


def without_times(headers):
    """The headers that do not depend on the second in which an answer is made."""
    return {name: value for name, value in headers if name not in ("Date", "Expires")}


@pytest.mark.parametrize("path", ["/page", "/file", "/missing", "/csv"])
def test_what_is_no_event_stream_is_the_same_without_us(make_site, wrapped, path):
    answers = []
    for app in (make_site(two), wrapped(two)):
        with Answer(app, path) as answer:
            answers.append((answer.rest(), answer.status, without_times(answer.headers)))
    plain, passed_on = answers
    assert passed_on == plain


def test_a_view_that_raises_is_500(wrapped):
    with Answer(wrapped(two), "/broken") as answer:
        answer.rest()
    assert answer.status == 500

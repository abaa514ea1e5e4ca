"""Many readers come at a time: each is answered before the requests behind it are looked at."""

from __future__ import annotations

import json

import gevent
import pytest

from flask_llmstream.runtime import turns
from tests.support.answers import Answer
from tests.support.runtimes import GREENLETS


@pytest.fixture(params=[GREENLETS], ids=lambda place: place.name)
def place(request):
    return request.param


@pytest.fixture(autouse=True)
def long_turns(monkeypatch):
    """A machine that is busy does not end a producer's turn of the hub."""
    monkeypatch.setattr(turns, "TURN_SECONDS", 60)


def test_an_answer_that_is_there_at_once_is_one_block_of_one_turn(place, app, serve):
    serve(lambda: iter(["one", "two"]))
    ran = []
    gevent.spawn(ran.append, "another")
    with Answer(app, "/") as answer:
        (block,) = answer.blocks
    assert ran == []
    events = [line for line in block.decode().splitlines() if line.startswith("data")]
    assert len(events) == 4, "the opening, two items and the end"


def test_what_an_emitter_is_sent_at_once_is_one_block_of_one_turn(place, app, streams):
    def send_all(emitter):
        emitter.send("one")
        emitter.send("two")
        emitter.complete()

    app.add_url_rule("/", "view", lambda: streams.create(send_all))
    ran = []
    gevent.spawn(ran.append, "another")
    with Answer(app, "/") as answer:
        (block,) = answer.blocks
    assert ran == []
    assert block.count(b'"ended":false') == 3


def test_a_source_that_waits_keeps_back_no_opening(place, app, serve, waiting):
    serve(lambda: waiting)
    with Answer(app, "/") as answer:
        assert b"opened" in answer.block()


def test_a_large_answer_is_no_single_block(place, app, serve):
    serve(lambda: iter(["x" * 20_000] * 5), buffer_bytes=200_000)
    with Answer(app, "/") as answer:
        blocks = list(answer.blocks)
    assert max(map(len, blocks)) < 70_000
    assert b"".join(blocks).count(b"x" * 20_000) == 5


def test_what_came_before_a_cut_is_sent(place, app, serve, connection):
    def fails():
        yield "one"
        raise LookupError

    serve(fails)
    accepts = {"Accept": "text/plain"}  # whose only sign of a failure is the cut
    with Answer(app, "/", environ=connection.environ, headers=accepts) as answer:
        assert answer.rest() == b"one"


def one_by_one():
    yield "one"
    gevent.sleep(0)  # the reader takes it
    yield "two"


@pytest.mark.parametrize("overflow", ["drop", "error", "latest", "block"])
def test_without_a_buffer_a_reader_who_keeps_up_misses_nothing(place, app, serve, overflow):
    """An item has room only while the reader waits: so there the reader goes first."""
    serve(one_by_one, overflow=overflow, buffer=0, coalesce=None)
    with Answer(app, "/") as answer:
        messages = [json.loads(event.data)["message"] for event in answer.all_events()]
    assert messages == ["one", "two", ""]

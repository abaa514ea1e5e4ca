"""Loops that never wait give the hub its turn after some time, and it also looks at its sockets."""

from __future__ import annotations

import socket
import threading
from time import monotonic

import gevent
import gevent.socket
import pytest
from gevent import GreenletExit, get_hub
from werkzeug.test import create_environ, run_wsgi_app

from flask_llmstream import EventStreamMiddleware
from flask_llmstream.records import Usage
from flask_llmstream.runtime.turns import TURN_SECONDS, take_turn, turn_of
from tests.support.runtimes import GREENLETS

FEW = 10
"""Rounds of a loop. Other greenlets run after each."""


@pytest.fixture
def reader():
    """A greenlet that waits at a socket on which data has arrived."""
    ours, theirs = socket.socketpair()
    with ours, theirs:
        reading = gevent.spawn(gevent.socket.wait_read, ours.fileno())
        gevent.sleep(0)
        theirs.send(b"x")
        yield reading
        reading.kill()


def compute(seconds=TURN_SECONDS * 1.2):
    busy_until = monotonic() + seconds
    while monotonic() < busy_until:
        pass


def with_a_timer():
    with gevent.Timeout(60):
        compute()


@pytest.mark.parametrize("work", [compute, with_a_timer], ids=["plain", "with a timer"])
def test_whoever_waits_at_a_socket_goes_on_while_a_loop_never_waits(reader, work):
    def rounds():
        for number in range(100):
            work()
            take_turn()
            if reader.ready():
                return number

    assert GREENLETS.run(rounds) < FEW


def never_waiting(item, reader, taken, work=compute):
    for _ in range(100):
        work()
        if reader.ready():
            return
        taken.append(item)
        yield item


@pytest.mark.parametrize("item", ["x", Usage(), {"a": 1}], ids=lambda item: type(item).__name__)
def test_a_source_that_never_waits_is_such_a_loop(reader, app, streams, item):
    taken = []
    app.add_url_rule("/", "view", lambda: streams.response(never_waiting(item, reader, taken)))
    GREENLETS.run(lambda: app.test_client().get("/").data)
    assert len(taken) < FEW


def test_a_source_that_only_starts_a_timer_for_each_item_is_one_too(reader, app, streams):
    taken = []
    source = never_waiting("x", reader, taken, with_a_timer)
    app.add_url_rule("/", "view", lambda: streams.response(source))
    GREENLETS.run(lambda: app.test_client().get("/").data)
    assert len(taken) < FEW


def test_so_are_blocks_of_anothers_event_stream_in_which_nothing_is(reader):
    taken = []

    def foreign(environ, start_response):
        start_response("200 OK", [("Content-Type", "text/event-stream")])
        return never_waiting(b"", reader, taken)

    wrapped = EventStreamMiddleware(foreign)
    GREENLETS.run(lambda: run_wsgi_app(wrapped, create_environ(), buffered=True))
    assert len(taken) < FEW


@pytest.mark.parametrize("overflow", ["drop", "latest", "buffer"])
def test_sending_that_never_waits_is_such_a_loop(reader, app, streams, overflow):
    sent = []

    def push(emitter):
        while not reader.ready() and len(sent) < 100:
            compute()
            emitter.send("x")
            sent.append(True)
        emitter.complete()

    app.add_url_rule("/", "view", lambda: streams.create(push, overflow=overflow))
    GREENLETS.run(lambda: app.test_client().get("/").data)
    assert len(sent) < FEW


def test_who_has_waited_since_its_turn_began_has_not_to_wait_again():
    turn, gone_round = turn_of(get_hub()), []

    def both():
        *_, round = turn.end(None)
        gevent.sleep(TURN_SECONDS / 10)
        compute()
        get_hub().loop.run_callback(gone_round.append, True)
        *_, round = turn.end(round)
        waited_after_a_wait = bool(gone_round)
        turn.end(round)
        return waited_after_a_wait, bool(gone_round)

    assert gevent.spawn(both).get() == (False, True)


def test_a_loop_is_stopped_at_its_turn():
    def goes_on():
        while True:
            compute()
            take_turn()

    looping = gevent.spawn(goes_on)
    gevent.sleep(0)
    looping.kill(block=False)
    looping.join()
    assert isinstance(looping.value, GreenletExit)


def test_the_hub_itself_takes_no_turn():
    ended = []

    def callback():
        compute()
        take_turn()
        ended.append(True)

    get_hub().loop.run_callback(callback)
    gevent.sleep(TURN_SECONDS)
    assert ended == [True]


def test_a_thread_without_a_hub_gets_none():
    found = []

    def ask():
        take_turn()
        found.append(gevent._hub_local.get_hub_if_exists())

    thread = threading.Thread(target=ask)
    thread.start()
    thread.join()
    assert found == [None]

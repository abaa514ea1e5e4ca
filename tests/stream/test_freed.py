"""What a stream was made of is freed when its last reader and producer are done, without gc."""

from __future__ import annotations

import asyncio
import gc
import operator
import time
from time import monotonic
from typing import Any, Callable, Dict

import gevent
import pytest
from werkzeug.test import EnvironBuilder

from flask_llmstream import EventStreamMiddleware, ServerSentEvent, StreamError
from tests.support.answers import Answer
from tests.support.async_sources import asynchronous
from tests.support.plain_wsgi import EVENT_STREAM
from tests.support.runtimes import HANG_GUARD, THREADS, wait_for_worker_threads

OURS = (
    "Stream", "AsyncStream", "StreamBody", "Connection", "Deadlines", "Delivery", "Emitter",
    "Pushed", "Channel", "Block", "Buffer", "Drop", "Latest", "Error", "Missing", "SendLock",
    "WSGICall", "Lockstep", "Subscriber", "Request", "Surroundings", "AsyncFlaskHooks",
    "LoopCall",
)  # fmt: skip


def failing():
    raise StreamError("not today")
    yield


def endless():
    while True:
        yield "x" * 1000


def long():
    for _ in range(1000):
        yield "x" * 1000


def completing(emitter):
    emitter.send("x")
    emitter.complete()


def registering(emitter):
    emitter.on_completion(lambda summary: emitter.is_cancelled)
    emitter.on_cancel(lambda: emitter.is_cancelled)
    completing(emitter)


async def async_completing(emitter):
    await asyncio.sleep(0)
    completing(emitter)


async def async_silent(emitter):
    emitter.send("x")
    await asyncio.sleep(99)


async def told(summary):
    await asyncio.sleep(0)


def pushed(streams, **options):
    emitter = streams.emitter(**options)
    completing(emitter)
    return emitter.response()


def observed(streams):
    reactivex = pytest.importorskip("reactivex")
    return streams.response(reactivex.of("a", "b"))


WAYS: Dict[str, Callable[[Any], Any]] = {
    "plain": lambda streams: streams.response(["a", "b"]),
    "a generator": lambda streams: streams.response(item for item in "ab"),
    "first_event_timeout": lambda streams: streams.response(["a"], first_event_timeout=99),
    "idle_timeout": lambda streams: streams.response(["a"], idle_timeout=99),
    "total_timeout": lambda streams: streams.response(["a"], total_timeout=99),
    "max_lifetime": lambda streams: streams.response(["a"], max_lifetime=99),
    "send_timeout": lambda streams: streams.response(["a"], send_timeout=99),
    "on_finish": lambda streams: streams.response(["a"], on_finish=lambda summary: None),
    "a held failure": lambda streams: streams.response(failing(), hold=9),
    "a failure": lambda streams: streams.response(failing()),
    "left": lambda streams: streams.response(endless()),
    "left with deadlines": lambda streams: streams.response(endless(), total_timeout=99),
    "asynchronous": lambda streams: streams.response(asynchronous("ab")),
    "asynchronous with deadlines": lambda streams: streams.response(
        asynchronous("ab"), total_timeout=99, idle_timeout=99
    ),
    "on_finish, asynchronous": lambda streams: streams.response(["a"], on_finish=told),
    "an asynchronous function": lambda streams: streams.create(async_completing),
    "a silent asynchronous function, left": lambda streams: streams.create(async_silent),
    "an emitter": pushed,
    "an emitter with deadlines": lambda streams: pushed(
        streams, total_timeout=99, idle_timeout=99, on_finish=lambda summary: None
    ),
    "create": lambda streams: streams.create(completing),
    "create with callbacks": lambda streams: streams.create(registering),
    "an observable": observed,
    "buffer": lambda streams: streams.response(["a"], overflow="buffer"),
    "drop": lambda streams: streams.response(["a"], overflow="drop", gaps=True),
    "latest": lambda streams: streams.response(["a"], overflow="latest", coalesce=operator.add),
    "error": lambda streams: streams.response(["a"], overflow="error"),
    "missing": lambda streams: streams.response(["a"], overflow="missing"),
    "an emitter that drops": lambda streams: pushed(streams, overflow="drop"),
    "events": lambda streams: streams.response([ServerSentEvent("a", id="1")]),
    "accept": lambda streams: streams.response(["a"], format="accept"),
    "kept": lambda streams: streams.response(["a", "b"], reconnect="resume"),
    "kept, with deadlines": lambda streams: streams.response(
        ["a"], reconnect="resume", total_timeout=99, idle_timeout=99, max_lifetime=99
    ),
    "kept, pushed": lambda streams: pushed(streams, reconnect="resume", total_timeout=99),
    "kept, asynchronous": lambda streams: streams.response(
        asynchronous("ab"), reconnect="resume", total_timeout=99
    ),
    "kept, left": lambda streams: streams.response(
        long(), reconnect="resume", total_timeout=99, idle_timeout=99
    ),
    "kept, left, cancels": lambda streams: streams.response(
        endless(), reconnect="resume", on_leave="cancel", total_timeout=99
    ),
    "finishing, left": lambda streams: streams.response(
        long(), on_leave="finish", total_timeout=99, idle_timeout=99
    ),
    "kept, asynchronous, left": lambda streams: streams.response(
        asynchronous(long()), reconnect="resume", total_timeout=99, idle_timeout=99
    ),
}


def left():
    kinds = [type(one) for one in gc.get_objects()]
    made = [kind for kind in kinds if kind.__module__ != "tests.support.connections"]
    return sorted(kind.__name__ for kind in made if kind.__name__ in OURS)


@pytest.fixture(autouse=True)
def counted_alone():
    """Without gc; what other tests left is not looked at."""
    gc.collect()
    gc.freeze()
    gc.disable()
    yield
    gc.enable()


def settled(place):
    """What is left of ours, given a moment in which producers end."""
    pause = time.sleep if place is THREADS else gevent.sleep
    deadline = monotonic() + HANG_GUARD / 20
    while left() and monotonic() < deadline:
        pause(0.002)
    return left()


def call(app, take=99, close=True, environ=(), **request):
    """Ask as a server does, read as many blocks, and close."""
    environ = {**EnvironBuilder("/", **request).get_environ(), **dict(environ)}
    body = app(environ, lambda *arguments: None)
    for _, _ in zip(range(take), body):
        pass
    if close:
        body.close()


@pytest.mark.parametrize("way", WAYS)
def test_refcounting_frees_all_of_it(place, app, streams, way):
    app.add_url_rule("/", "view", lambda: WAYS[way](streams))
    call(app.wsgi_app, 2 if "left" in way else 99)
    assert settled(place) == []


@pytest.mark.parametrize("way", WAYS)
def test_refcounting_frees_all_of_it_where_nobody_closes_it(place, app, streams, way):
    app.add_url_rule("/", "view", lambda: WAYS[way](streams))
    call(app.wsgi_app, 2, close=False)
    assert settled(place) == []


def test_a_refused_one_is_freed(place, make_app, streams, waiting):
    app = make_app(LLMSTREAM_MAX_STREAMS=1)
    app.add_url_rule("/", "view", lambda: streams.response(waiting))
    with Answer(app, "/") as answer:
        answer.block()
        before = left()
        call(app.wsgi_app)
        assert left() == before
        waiting.go_on.set()
        answer.rest()
    wait_for_worker_threads()


@pytest.mark.parametrize("last", ["0", "ended"])
def test_one_that_is_not_made_again_is_freed(place, app, streams, last):
    app.add_url_rule("/", "view", lambda: pushed(streams))
    call(app.wsgi_app, headers={"Last-Event-ID": f"{'0' * 32}:{last}"})
    assert settled(place) == []


def test_one_whose_reader_left_is_freed(place, app, serve, waiting, connection):
    serve(lambda: waiting)
    environ = EnvironBuilder("/").get_environ()
    body = app.wsgi_app({**environ, **connection.environ}, lambda *arguments: None)
    blocks = iter(body)
    next(blocks)
    waiting.waits.wait()
    connection.client_closes()
    list(blocks)
    waiting.go_on.set()
    body.close()
    del body, blocks
    assert settled(place) == []


@pytest.mark.parametrize("option", ["first_event_timeout", "idle_timeout", "total_timeout"])
def test_one_that_timed_out_is_freed(place, app, streams, option):
    going_on = place.for_producer()

    def silent():
        if option == "idle_timeout":
            yield "one"
        going_on.wait()

    app.add_url_rule("/", "view", lambda: streams.response(silent(), **{option: 0.01}))
    call(app.wsgi_app)
    going_on.set()
    assert settled(place) == []


@pytest.mark.parametrize("take, close", [(1, True), (99, True), (1, False)])
def test_what_the_middleware_wraps_is_freed(place, foreign, take, close):
    wrapped = EventStreamMiddleware(
        foreign([b"data: a\n\n"] * 500, EVENT_STREAM), worker=place.worker, total_timeout=99
    )
    call(wrapped, take, close)
    assert settled(place) == []

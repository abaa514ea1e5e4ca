"""Inside an asynchronous source everything is what it was in its view, beside others there."""

from __future__ import annotations

import asyncio
import contextvars
import threading
from importlib.metadata import version

import pytest
from flask import current_app, g, has_app_context, has_request_context, request, session

from flask_llmstream.runtime.event_loop.loop import event_loop
from tests.support.answers import Answer
from tests.support.async_sources import AsyncSign, asynchronous
from tests.support.runtimes import GREENLETS, THREADS, others_have_ended, run_on_the_loop

TENANT = contextvars.ContextVar("tenant", default="nobody")

tasks_have_contexts = pytest.mark.skipif(
    version("werkzeug").startswith("1."), reason="Werkzeug 2, where contexts are contextvars"
)


@pytest.fixture(params=[GREENLETS, THREADS], ids=lambda place: place.name)
def place(request):
    """Where the reader is; the source is on the event loop."""
    return request.param


@pytest.fixture
def said(place, app, streams):
    """What an asynchronous view says at a path, one item after another."""

    def said(source, path="/ada"):
        @app.route("/<name>")
        def view(name):
            session["user"] = g.user = name
            TENANT.set(name)
            return streams.response(source(), format="text", heartbeat=0, reconnect="restart")

        with Answer(app, path) as answer:
            return answer.rest().decode().replace("data: ", "").split("\n\n")[:-1]

    return said


def test_two_streams_at_once_see_each_its_own(place, app, streams):
    meet = AsyncSign()

    @app.route("/<name>")
    def view(name):
        session["user"] = g.user = name
        TENANT.set(name)
        return streams.response(source(), format="text", heartbeat=0)

    async def source():
        await meet.wait()
        for _ in range(3):  # turn by turn
            await asyncio.sleep(0)
            yield f"{request.path} {session['user']} {g.user} {TENANT.get()}"

    with Answer(app, "/ada") as first, Answer(app, "/grace") as second:
        first.block()
        second.block()
        meet.set()
        assert first.rest().count(b"data: /ada ada ada ada\n") == 3
        assert second.rest().count(b"data: /grace grace grace grace\n") == 3


def test_it_has_them_while_it_is_cancelled_and_closed(place, app, streams):
    seen, waits, closed = [], place.for_reader(), place.for_reader()

    @app.route("/")
    @streams.view()
    async def view():
        try:
            waits.set()
            await AsyncSign().wait()
            yield "never"
        except asyncio.CancelledError:
            seen.append(request.path)
            raise
        finally:
            await asyncio.sleep(0)
            seen.append(current_app.name)
            closed.set()

    with Answer(app, "/") as answer:
        answer.block()
        waits.wait()
    closed.wait()
    assert seen == ["/", "a_site"]


def test_it_has_them_while_it_is_closed_where_its_item_waited(place, app, streams):
    seen, second, closed = [], place.for_reader(), place.for_reader()

    @app.route("/")
    @streams.view(buffer=1)
    async def view():
        try:
            yield "one"
            second.set()
            yield "two"
        finally:
            await asyncio.sleep(0)
            seen.append(request.path)
            closed.set()

    with Answer(app, "/") as answer:
        answer.block()
        second.wait()
    closed.wait()
    assert seen == ["/"]


@tasks_have_contexts
def test_a_task_of_its_own_has_them_too(said):
    async def in_a_task():
        await asyncio.sleep(0)
        return f"{request.path} {g.user} {TENANT.get()}"

    async def source():
        yield await asyncio.get_running_loop().create_task(in_a_task())

    assert said(source) == ["/ada ada ada"]


def test_on_finish_has_them_beside_the_loop(place, app, streams):
    seen, finished = [], place.for_reader()

    def on_finish(summary):
        seen.extend([request.path, g.user, current_app.name, TENANT.get()])
        seen.append(threading.get_native_id() != loops_thread[0])
        finished.set()

    async def source():
        loops_thread.append(threading.get_native_id())
        g.user = "grace"
        yield "one"

    loops_thread = []

    @app.route("/")
    def view():
        TENANT.set("ada")
        return streams.response(source(), on_finish=on_finish)

    with Answer(app, "/") as answer:
        answer.rest()
        finished.wait()
    assert seen == ["/", "grace", "a_site", "ada", True]


def test_each_context_is_torn_down_once_the_sources_where_it_ran(place, app, streams, finished):
    """So what a source has opened and put into ``g`` is closed by the thread that opened it."""
    torn_down, ran_on = [], []

    @app.teardown_appcontext
    def tear_down(error):
        torn_down.append((g.pop("runs", "view"), threading.get_native_id()))

    async def source():
        g.runs = "source"
        ran_on.append(threading.get_native_id())
        yield "one"

    app.add_url_rule("/", "view", lambda: streams.response(source(), on_finish=finished))
    with Answer(app, "/") as answer:
        view, *_ = torn_down
        answer.rest()
        finished.summary()
    run_on_the_loop(place, others_have_ended())
    assert torn_down == [view, ("source", ran_on[0])]
    assert view[0] == "view"


def test_nothing_of_it_is_left_on_the_loop(place, app, streams, finished):
    seen, looked = [], place.for_reader()

    def look():
        seen.extend([has_request_context(), has_app_context(), TENANT.get()])
        looked.set()

    @app.route("/")
    def view():
        TENANT.set("ada")
        return streams.response(asynchronous(["one"]), on_finish=finished)

    with Answer(app, "/") as answer:
        answer.rest()
        finished.summary()
    run_on_the_loop(place, others_have_ended())
    event_loop().call_soon_threadsafe(look, context=contextvars.Context())
    looked.wait()
    assert seen == [False, False, "nobody"]


def test_while_it_waits_others_on_the_loop_have_none_of_it(place, app, streams, finished):
    seen, looked, go_on = [], place.for_reader(), AsyncSign()

    async def source():
        yield "one"
        await go_on.wait()

    def look():
        seen.extend([has_request_context(), has_app_context()])
        looked.set()

    app.add_url_rule("/", "view", lambda: streams.response(source(), on_finish=finished))
    with Answer(app, "/") as answer:
        answer.block()
        event_loop().call_soon_threadsafe(look, context=contextvars.Context())
        looked.wait()
        go_on.set()
        answer.rest()
    assert seen == [False, False]
    finished.summary()

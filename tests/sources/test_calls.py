"""Whatever the application gives to be called may be ``async def``: who calls waits for it."""

from __future__ import annotations

import asyncio
import contextvars
import inspect
import threading
from functools import partial

import gevent
import pytest
from flask import Flask, abort, current_app, g, got_request_exception, redirect, request

from flask_llmstream import (
    CallableProvider,
    ConfigurationError,
    LLMStream,
    Provider,
    StreamError,
    stream_finished,
)
from flask_llmstream.formats.text import TextFormat
from flask_llmstream.runtime.event_loop.loop import event_loop
from flask_llmstream.sources.calls import called
from tests.support.answers import Answer
from tests.support.async_sources import AsyncSign, asynchronous
from tests.support.runtimes import (
    GREENLETS,
    HANG_GUARD,
    THREADS,
    only,
    others_have_ended,
    run_on_the_loop,
)

TENANT = contextvars.ContextVar("tenant", default="nobody")


@pytest.fixture
def said(app):
    """The texts that are streamed at a path, one after another."""

    def said(path="/"):
        with Answer(app, path) as answer:
            lines = answer.rest().decode().split("\n\n")[:-1]
        return [line[len("data: ") :] for line in lines if line.startswith("data: ")]

    return said


@pytest.fixture
def view(app, streams):
    """Have an asynchronous view stream at ``/``."""

    def view(function, **options):
        decorate = streams.view(**{"format": "text", "heartbeat": 0, **options})
        app.add_url_rule("/", "view", decorate(function))

    return view


# Views that return rather than yield.


@pytest.mark.parametrize(
    "make", [lambda items: items, iter, asynchronous], ids=["list", "iterator", "asynchronous"]
)
def test_what_a_view_returns_is_streamed(place, view, said, make):
    async def answer():
        await asyncio.sleep(0)
        return make(["one", "two"])

    view(answer)
    assert said() == ["one", "two"]


@pytest.mark.parametrize(
    "finished, status", [("text", 200), (("text", 201), 201)], ids=["text", "tuple"]
)
def test_what_ends_the_matter_is_answered(app, client, view, finished, status):
    async def answer():
        return finished

    view(answer)
    response = client.get("/")
    assert (response.status_code, response.data) == (status, b"text")


def test_a_response_of_its_own_is_answered(app, client, view):
    async def answer():
        return redirect("/elsewhere")

    view(answer)
    assert client.get("/").headers["Location"].endswith("/elsewhere")


@pytest.mark.parametrize("kind", ["partial", "class", "lambda"])
def test_however_it_is_made(place, view, said, kind):
    async def function(items=("one",)):
        return list(items)

    class Callable:
        __name__ = "a_view"

        async def __call__(self):
            return ["one"]

    made = {"partial": partial(function, items="one two".split()[:1]), "class": Callable()}
    view(made.get(kind, lambda: function()))
    assert said() == ["one"]


def test_it_runs_on_the_one_event_loop(place, view, said):
    async def answer():
        return [str(asyncio.get_running_loop() is event_loop())]

    view(answer)
    assert said() == ["True"]


def test_inside_it_everything_is_what_it_is_in_the_request(place, app, view, said):
    @app.before_request
    def prepare():
        g.user = "ada"
        TENANT.set("of ada")

    async def answer():
        await asyncio.sleep(0)
        return [f"{request.path} {g.user} {current_app.name} {TENANT.get()}"]

    view(answer)
    assert said() == ["/ ada a_site of ada"]


def test_what_it_sets_is_there_in_the_generator(place, view, said):
    async def answer():
        await asyncio.sleep(0)
        TENANT.set("of ada")
        g.user = "ada"
        return (f"{TENANT.get()} {g.user}" for _ in range(1))

    view(answer)
    assert said() == ["of ada ada"]


def test_nothing_of_it_is_left_on_the_loop(place, view, said):
    seen, looked = [], place.for_reader()

    async def answer():
        TENANT.set("of ada")
        return ["one"]

    def look():
        seen.extend([bool(request), bool(current_app), TENANT.get()])
        looked.set()

    view(answer)
    said()
    run_on_the_loop(place, others_have_ended())
    event_loop().call_soon_threadsafe(look, context=contextvars.Context())
    looked.wait()
    assert seen == [False, False, "nobody"]


def test_its_exception_is_handled_as_one_of_any_view(app, client, view):
    @app.errorhandler(LookupError)
    def handle(error):
        return f"no {error.args[0]}, line {error.__traceback__ is not None}", 404

    async def answer():
        await asyncio.sleep(0)
        raise LookupError("row")

    view(answer)
    response = client.get("/")
    assert (response.status_code, response.data) == (404, b"no row, line True")


@pytest.mark.parametrize("refuse", [partial(abort, 403), partial(StreamError, "No.", status=403)])
def test_it_may_refuse(app, client, view, refuse):
    async def answer():
        raise refuse()

    view(answer)
    assert client.get("/").status_code == 403


@only(GREENLETS, THREADS)
def test_two_wait_for_each_other_at_the_same_time(place, app, view):
    both = [AsyncSign(), AsyncSign()]

    async def answer():
        mine = int(request.args["number"])
        both[mine].set()
        await both[1 - mine].wait()
        return [f"number {mine}"]

    def ask(number):
        with Answer(app, f"/?number={number}") as answer:
            texts.append(answer.rest().decode())

    view(answer)
    texts = []
    if place is GREENLETS:
        gevent.joinall([gevent.spawn(ask, number) for number in (0, 1)], raise_error=True)
    else:
        thread = threading.Thread(target=ask, args=(1,))
        thread.start()
        ask(0)
        thread.join(HANG_GUARD)
    assert sorted("number 1" in text for text in texts) == [False, True]


@only(GREENLETS)
def test_who_waits_and_is_stopped_ends_it_first(place, app, view):
    waits, seen = place.for_reader(), []

    async def answer():
        try:
            waits.set()
            await AsyncSign().wait()
        finally:
            await asyncio.sleep(0)
            seen.append(request.path)

    def ask():
        with pytest.raises(gevent.GreenletExit):
            Answer(app, "/")
        seen.append("out")

    view(answer)
    asking = gevent.spawn(ask)
    waits.wait()
    asking.kill()
    assert seen == ["/", "out"]


def test_an_application_with_an_ensure_sync_of_its_own_has_it_run_so(streams):
    class App(Flask):
        def ensure_sync(self, function):
            def run(*arguments, **keywords):
                loop = asyncio.SelectorEventLoop()
                try:
                    return loop.run_until_complete(function(*arguments, **keywords))
                finally:
                    loop.close()

            return run if inspect.iscoroutinefunction(function) else function

    app = App("a_site")
    streams.init_app(app)

    @app.route("/")
    @streams.view(format="text")
    async def view():
        return [str(asyncio.get_running_loop() is event_loop())]

    assert b"data: False\n" in app.test_client().get("/").data


# The function of create().


@pytest.fixture
def create(app, streams):
    """Have a function's items streamed at ``/``."""

    def create(function, **options):
        options = {"format": "text", "heartbeat": 0, **options}
        app.add_url_rule("/", "view", lambda: streams.create(function, **options))

    return create


def test_what_the_function_sends_is_streamed(place, create, said):
    async def send(emitter):
        for number in range(3):
            await asyncio.sleep(0)
            emitter.send(f"{number} {request.path}")
        emitter.complete()

    create(send)
    assert said() == ["0 /", "1 /", "2 /"]


def test_who_waits_for_room_keeps_the_loop_from_nobody(place, app, create):
    rest = AsyncSign()

    async def send(emitter):
        for number in range(5):
            emitter.send(f"{number}")
        rest.set()
        emitter.complete()

    create(send, buffer=1)
    with Answer(app, "/") as answer:
        answer.block()
        run_on_the_loop(place, asyncio.sleep(0))  # the loop is free
        texts = answer.rest()
    assert texts.count(b"data: ") >= 4
    run_on_the_loop(place, rest.wait())


def test_it_is_cancelled_when_its_reader_leaves(place, app, create, finished):
    waits, seen = place.for_reader(), []

    async def send(emitter):
        try:
            emitter.send("one")
            waits.set()
            await AsyncSign().wait()
        except asyncio.CancelledError:
            seen.append("cancelled")
            raise
        finally:
            await asyncio.sleep(0)
            seen.append("closed")

    create(send, on_finish=finished)
    with Answer(app, "/") as answer:
        answer.block()
        waits.wait()
    assert finished.summary().reason == "disconnect"
    assert seen == ["cancelled", "closed"]


def test_it_is_freed_where_it_waits_for_room_when_its_reader_leaves(place, app, create, finished):
    waits = place.for_reader()

    async def send(emitter):
        while True:
            emitter.send("x" * 1000)
            if not emitter.requested:
                waits.set()

    create(send, on_finish=finished)
    with Answer(app, "/") as answer:
        answer.block()
        waits.wait()
    assert finished.summary().reason == "disconnect"


def test_a_deadline_cancels_it(schedule, place, app, create, finished):
    waits, closed = place.for_reader(), []

    async def send(emitter):
        try:
            waits.set()
            await AsyncSign().wait()
        finally:
            closed.append(True)

    create(send, total_timeout=9, send_timeout=0, on_finish=finished)
    with Answer(app, "/") as answer:
        answer.block()
        waits.wait()
        schedule.fire()
        answer.rest()
    assert (finished.summary().reason, closed) == ("timeout", [True])


@pytest.mark.parametrize("error", [LookupError("no row"), asyncio.CancelledError()], ids=repr)
def test_what_it_raises_fails_the_stream(place, create, said, finished, error):
    async def send(emitter):
        await asyncio.sleep(0)
        raise error

    create(send, on_finish=finished)
    said()
    assert finished.summary().error is error


def test_it_may_go_on_behind_its_own_end(place, create, said, finished):
    seen = []

    async def send(emitter):
        emitter.complete()
        await asyncio.sleep(0)
        seen.append("behind")

    create(send, on_finish=finished)
    said()
    finished.summary()
    assert seen == ["behind"]


# Who is told.


def test_on_finish_is_waited_for_and_has_the_streams_contexts(place, view, said):
    seen, over = [], place.for_reader()

    async def on_finish(summary):
        await asyncio.sleep(0)
        seen.append((summary.reason, request.path))
        over.set()

    async def answer():
        return ["one"]

    view(answer, on_finish=on_finish)
    said()
    over.wait()
    assert seen == [("complete", "/")]


def test_on_finish_of_an_asynchronous_source(place, serve, said):
    seen, over = [], place.for_reader()

    async def on_finish(summary):
        await asyncio.sleep(0)
        seen.append((summary.reason, request.path))
        over.set()

    serve(lambda: asynchronous(["one"]), on_finish=on_finish)
    said()
    over.wait()
    assert seen == [("complete", "/")]


def test_on_disconnect(place, app, serve, waiting):
    seen, over = [], place.for_reader()

    async def on_disconnect(summary):
        await asyncio.sleep(0)
        seen.append((summary.reason, current_app.name))
        over.set()

    serve(lambda: waiting, on_disconnect=on_disconnect)
    with Answer(app, "/") as answer:
        answer.block()
        waiting.waits.wait()
    over.wait()
    assert seen == [("disconnect", "a_site")]


def test_an_emitters_callbacks(place, app, streams):
    seen, over = [], place.for_reader()

    def noting(kind):
        async def note(*arguments):
            await asyncio.sleep(0)
            seen.append(kind)
            if kind == "completion":
                over.set()

        return note

    @app.route("/")
    def view():
        emitter = streams.emitter()
        emitter.on_error(noting("error"))
        emitter.on_completion(noting("completion"))
        emitter.fail(LookupError("no row"))
        emitter.on_dispose(lambda: noting("dispose, late")())
        return emitter.response()

    with Answer(app, "/") as answer:
        answer.rest()
        over.wait()
    assert seen == ["dispose, late", "error", "completion"]


def test_one_that_raises_is_logged_and_the_rest_are_told(place, view, said, finished, caplog):
    async def failing(sender, summary):
        await asyncio.sleep(0)
        raise LookupError("no row")

    async def answer():
        return ["one"]

    view(answer, on_finish=finished)
    with stream_finished.connected_to(failing):
        said()
        finished.summary()
    assert "a callback failed" in caplog.text and "LookupError: no row" in caplog.text


@pytest.mark.parametrize("signal", [stream_finished, got_request_exception], ids=lambda s: s.name)
def test_a_signals_receivers(place, app, serve, said, finished, signal):
    seen = []

    async def hear(sender, **told):
        await asyncio.sleep(0)
        seen.append((sender.name, sorted(told)))

    def failing():
        yield "one"
        raise LookupError("no row")

    serve(failing, on_finish=finished)
    with signal.connected_to(hear):
        said()
        finished.summary()
    told = "summary" if signal is stream_finished else "exception"
    assert seen == [("a_site", [told])]


# Who may ask, and whose a request is.


async def user():
    await asyncio.sleep(0)
    return request.args["user"]


def test_who_is_one_client(place, make_app, streams, waiting):
    app = make_app(LLMSTREAM_MAX_STREAMS_PER_CLIENT=1, LLMSTREAM_CLIENT_KEY=user)
    app.add_url_rule("/", "view", lambda: streams.response(waiting))
    with Answer(app, "/?user=ann") as first, Answer(app, "/?user=ann") as second:
        first.block()
        second.rest()
        with Answer(app, "/?user=bob") as another:
            another.block()
            assert (second.status, another.status) == (429, 200)


def test_a_view_that_runs_on_the_loop_itself_may_make_the_response(place, make_app, streams):
    app = make_app(LLMSTREAM_MAX_STREAMS_PER_CLIENT=1, LLMSTREAM_CLIENT_KEY=user)

    @app.route("/")
    @streams.view()
    async def view():
        await asyncio.sleep(0)
        return streams.response(["one"], format="text")

    with Answer(app, "/?user=ann") as answer:
        assert b"data: one\n" in answer.rest()


def test_a_guard(make_app):
    async def guard():
        await asyncio.sleep(0)
        if "user" not in request.args:
            abort(401)

    models = {"model": CallableProvider(lambda request: "one")}
    client = make_app(LLMStream(providers=models, guard=guard)).test_client()
    assert client.get("/v1/models").status_code == 401
    assert client.get("/v1/models?user=ann").status_code == 200


def test_what_a_middleware_asks(place, foreign, pausing, wrap):
    async def applies(environ):
        await asyncio.sleep(0)
        return environ["PATH_INFO"] == "/stream"

    async def client_key(environ):
        await asyncio.sleep(0)
        return environ["QUERY_STRING"]

    site = foreign(lambda: pausing(b"data: one\n\n", None))
    app = wrap(site, applies=applies, client_key=client_key, max_streams_per_client=1)
    with Answer(app, "/stream?ann") as first, Answer(app, "/stream?ann") as second:
        first.block()
        second.rest()
        assert second.status == 429
        with Answer(app, "/other?ann") as other:
            assert (other.block(), other.status) == (b"data: one\n\n", 200)


# Models.


async def text(request):
    await asyncio.sleep(0)
    return f"{request.prompt}!"


async def texts(request):
    return ["hello", "!"]


async def a_stream(request):
    return asynchronous(["hello", "!"])


class OfItsOwn(Provider):
    async def stream(self, request):
        return asynchronous(["hello", "!"])


class Callable:
    async def __call__(self, request):
        yield "hello"
        yield "!"


MODELS = {
    "text": CallableProvider(text),
    "texts": CallableProvider(texts),
    "a stream": CallableProvider(a_stream),
    "a partial": CallableProvider(partial(text)),
    "a class that yields": CallableProvider(Callable()),
    "a provider": OfItsOwn(),
}


@pytest.mark.parametrize("model", MODELS)
def test_a_model_that_returns_rather_than_yields(make_app, model):
    app = make_app(LLMStream(providers=MODELS))
    asked = {"model": model, "prompt": "hello"}
    with Answer(app, "/v1/chat/completions", method="POST", json=asked) as answer:
        messages = [event for event in answer.all_events() if event.event == "message"]
    assert '"message":"hello' in messages[0].data and "complete" in messages[-1].data


def test_an_iterator_that_may_wait_is_refused_with_what_to_give(make_app):
    async def blocking(request):
        return (word for word in ["hello"])

    provider = CallableProvider(blocking)

    async def first():
        async for _ in provider.stream(None):
            raise AssertionError("nothing comes")

    with pytest.raises(TypeError, match="gave a generator; wanted: a text, a list of texts, or"):
        asyncio.run_coroutine_threadsafe(first(), event_loop()).result(HANG_GUARD)


# What can't be.


async def merged(previous, new):
    """For every item."""


class AsyncItems(TextFormat):
    async def item(self, item):
        """For every token."""


async def made(event):
    """Before the first block."""


@pytest.mark.parametrize(
    "option, value, named",
    [
        ("coalesce", merged, "coalesce"),
        ("coalesce", partial(merged), "coalesce"),
        ("format", AsyncItems, r"format: item\(\) of AsyncItems"),
        ("format", AsyncItems(), r"format: item\(\) of AsyncItems"),
        ("format", made, "format"),
    ],
)
def test_what_is_called_for_each_item_is_refused_when_it_is_given(streams, option, value, named):
    with pytest.raises(ConfigurationError, match=f"^{named}: can't be async def"):
        streams.view(overflow="latest", **{option: value})


@only(GREENLETS, THREADS)
def test_who_could_only_wait_for_ever_is_told_so(place):
    async def answer():
        """Nobody ever runs it."""

    async def in_a_task():
        with pytest.raises(RuntimeError, match="only await can do that"):
            called(answer)

    run_on_the_loop(place, in_a_task())

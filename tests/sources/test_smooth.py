"""``smooth()``: the items of a source, spread and cut, on every kind of worker."""

from __future__ import annotations

import asyncio
import json
from contextlib import suppress

import pytest
from flask import Flask, g

from flask_llmstream import CallableProvider, LLMStream, Usage, smooth
from flask_llmstream.errors import ConfigurationError
from flask_llmstream.records import CompletionRequest
from flask_llmstream.sources.pump import MOST_WAITING
from tests.support.running_stream import Running
from tests.support.runtimes import GREENLETS, PLACES, THREADS
from tests.support.sources import Waiting

WORDS = ["Hel", "lo wor", "ld, how ", "are you?"]
LATE = 3600.0
"""A delay that no test waits for."""


@pytest.fixture(params=[GREENLETS, THREADS], ids=repr)
def place(request):
    return request.param


async def later(items):
    for item in items:
        await asyncio.sleep(0)
        yield item


async def listed(iterable):
    return [item async for item in iterable]


def test_all_text_arrives(place):
    assert "".join(place.run(lambda: list(smooth(WORDS, delay=0.01)))) == "".join(WORDS)


def test_words_come_whole(place):
    def test():
        items = iter(smooth(WORDS, delay=LATE))
        return next(items)

    assert place.run(test) == "Hello "


def test_an_unfinished_word_comes_after_the_delay_while_the_source_is_silent(place):
    def test():
        source = Waiting(place)
        items = iter(smooth(source, delay=0.01))
        first = next(items)
        source.go_on.set()
        return first, list(items)

    assert place.run(test) == ("one", ["two"])


def test_an_exception_of_the_source_comes_behind_its_text(place):
    def failing():
        yield "half a wor"
        raise ValueError("lost")

    def test():
        items = []
        with pytest.raises(ValueError, match="lost"):
            for item in smooth(failing(), delay=LATE):
                items.append(item)
        return items

    assert "".join(place.run(test)) == "half a wor"


def test_a_loop_that_is_left_closes_the_source(place):
    def test():
        source = Waiting(place)
        items = iter(smooth(source, delay=0.01))
        next(items)
        source.waits.wait()
        source.go_on.set()  # a thread can't be stopped where it waits
        items.close()
        return source.closed

    assert place.run(test) == [True]


def test_an_iterable_that_is_never_iterated_is_closed_all_the_same():
    def source():
        yield "never"

    generator = source()
    smooth(generator).close()
    assert list(generator) == []


def test_it_is_iterated_once():
    smoothed = smooth(WORDS, delay=0)
    list(smoothed)
    with pytest.raises(RuntimeError, match="iterated already"):
        iter(smoothed)


def test_the_source_does_not_run_ahead_without_bound(place):
    given = []

    def endless():
        for number in range(100 * MOST_WAITING):
            given.append(number)
            yield number

    def test():
        items = iter(smooth(endless(), delay=LATE))
        next(items)
        items.close()

    place.run(test)
    assert len(given) <= 3 * MOST_WAITING


@pytest.mark.parametrize("place", PLACES, ids=repr)
def test_a_reader_who_leaves_closes_the_source(place):
    def test():
        source = Waiting(place)
        running = Running(place, smooth(source, delay=0.01)).start()
        source.waits.wait()
        running.stream.abandon()
        if not place.interrupts:
            source.go_on.set()
        return running.told.summary().reason, source.closed

    assert place.run(test) == ("disconnect", [True])


def test_the_source_has_the_contexts_of_the_view():
    app, streams = Flask(__name__), LLMStream()
    streams.init_app(app)

    def source():
        yield f"{g.user} "

    @app.route("/")
    def view():
        g.user = "ada"
        return streams.response(smooth(source(), delay=0))

    assert b"data: " + b'{"ended":false,"message":"ada "}' in app.test_client().get("/").data


def test_a_models_deltas_and_its_usage_keep_their_order():
    model = CallableProvider(lambda request: [*WORDS, Usage(3, 4)])
    request = CompletionRequest(prompt="hi")
    *texts, usage = smooth(model.stream(request), delay=0)
    assert ("".join(texts), usage) == ("".join(WORDS), Usage(3, 4))


def test_an_asynchronous_source_is_smoothed_too():
    items = asyncio.run(listed(smooth(later(WORDS), delay=0.01)))
    assert "".join(items) == "".join(WORDS)


def test_an_exception_of_an_asynchronous_source_comes_behind_its_text():
    async def failing():
        yield "half a wor"
        raise ValueError("lost")

    async def test():
        items = []
        with pytest.raises(ValueError, match="lost"):
            async for item in smooth(failing(), delay=LATE):
                items.append(item)
        return items

    assert "".join(asyncio.run(test())) == "half a wor"


def test_an_asynchronous_source_is_closed_in_the_task_that_runs_it():
    tasks = []

    async def source():
        tasks.append(asyncio.current_task())
        try:
            yield "one "
            await asyncio.Event().wait()
        finally:
            tasks.append(asyncio.current_task())

    async def test():
        items = smooth(source(), delay=0)
        await items.__anext__()
        await items.aclose()

    asyncio.run(test())
    first, last = tasks
    assert first is last


def test_an_asynchronous_source_that_catches_its_cancellation_is_closed_at_its_next_item():
    closed = []

    async def stubborn():
        try:
            while True:
                with suppress(asyncio.CancelledError):
                    await asyncio.sleep(0)
                yield "word "
        finally:
            closed.append(True)

    async def test():
        items = smooth(stubborn(), delay=0)
        await items.__anext__()
        await items.aclose()

    asyncio.run(asyncio.wait_for(test(), 60))
    assert closed == [True]


def test_a_failure_in_the_clean_up_of_an_asynchronous_source_is_heard_of():
    async def failing():
        try:
            yield "word "
            await asyncio.Event().wait()
        finally:
            raise ValueError("in its clean-up")

    async def test():
        items = smooth(failing(), delay=0)
        await items.__anext__()
        await items.aclose()

    with pytest.raises(ValueError, match="in its clean-up"):
        asyncio.run(test())


def test_an_exit_that_an_asynchronous_source_raises_leaves_the_event_loop_alone():
    async def leaving():
        yield "a "
        raise SystemExit(3)

    async def test():
        with pytest.raises(SystemExit):
            await listed(smooth(leaving(), delay=0))
        return "the loop goes on"

    assert asyncio.run(test()) == "the loop goes on"


def test_a_source_that_is_stopped_before_it_began_never_begins(place):
    begun = []

    def source():
        begun.append(True)
        yield "word "

    def test():
        items = smooth(source())
        items.abort()
        return list(items)

    assert place.run(test) == []
    assert begun == []


@pytest.mark.parametrize("source", [later(WORDS), (word for word in WORDS)])
def test_the_log_has_the_source_s_name(source):
    assert smooth(source).__qualname__ == source.__qualname__


def test_an_asynchronous_source_streams():
    app, streams = Flask(__name__), LLMStream()
    streams.init_app(app)
    app.add_url_rule("/", "view", lambda: streams.response(smooth(later(WORDS), delay=0.01)))
    body = app.test_client().get("/").get_data(as_text=True)
    messages = [json.loads(line[6:]) for line in body.split("\n") if line.startswith("data: ")]
    assert "".join(message["message"] for message in messages) == "".join(WORDS)
    assert messages[-1]["reason"] == "complete"


@pytest.mark.parametrize("source", ["text", b"bytes", {"a": 1}, None, 7, lambda: iter(WORDS)])
def test_what_gives_no_items_is_refused(source):
    with pytest.raises(TypeError, match="^source: "):
        smooth(source)


@pytest.mark.parametrize("delay", [-1, None, "1", float("nan"), float("inf"), True])
def test_what_is_no_delay_is_refused(delay):
    with pytest.raises(ConfigurationError, match="^delay: "):
        smooth(WORDS, delay=delay)


def test_what_is_no_unit_is_refused():
    with pytest.raises(ConfigurationError, match="^by: 'sentence' is none of word, line, grapheme"):
        smooth(WORDS, by="sentence")

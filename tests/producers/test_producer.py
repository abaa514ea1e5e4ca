"""A producer outside of any request: its events are in the storage, its block ends as told."""

from __future__ import annotations

import contextlib
import os
import threading

import gevent
import pytest
from gevent import GreenletExit

import flask_llmstream
from flask_llmstream import (
    ConfigurationError,
    EventStreamDecoder,
    LLMStream,
    StreamClosed,
    StreamError,
    StreamIsProduced,
    StreamRefused,
    UnsendableItem,
    Usage,
)
from flask_llmstream.app.owner import NOBODY
from flask_llmstream.app.stream_ids import signed_id
from flask_llmstream.replay.memory import MemoryStorage
from flask_llmstream.stream.drain import drain
from flask_llmstream.stream.limits import StreamLimiter, all_limiters
from tests.support.answers import Answer
from tests.support.runtimes import GREENLETS, THREADS, only

CANCELLED = ("error", '{"ended":true,"message":"","reason":"cancelled"}')
"""The ordinary end of a text that was stopped."""

both = only(GREENLETS, THREADS)


@pytest.fixture
def stream_id(app):
    return signed_id(app, NOBODY)


@pytest.fixture
def app(app, streams):
    app.add_url_rule("/log/<stream_id>", "log", lambda stream_id: streams.attach(stream_id))
    return app


@pytest.fixture
def producer(app, streams, stream_id):
    """The block of the stream's producer, in an app context."""

    @contextlib.contextmanager
    def producer(**options):
        with app.app_context():
            with streams.producer(stream_id, **{"format": "text", **options}) as emitter:
                yield emitter

    return producer


@pytest.fixture
def log(app, stream_id):
    """Read the log of the stream to its end: the events, without the opening."""

    def log():
        with Answer(app, f"/log/{stream_id}") as answer:
            events = EventStreamDecoder().feed(answer.rest())
        return [(event.event, event.data) for event in events if event.event != "opened"]

    return log


def stop(app, streams, stream_id):
    with app.app_context():
        streams.stop(stream_id)


# The block and its ends.


@both
def test_what_is_sent_is_in_the_log_and_the_end_of_the_block_completes_it(producer, log):
    with producer() as emitter:
        emitter.send("one")
        emitter.send("two")
    assert log() == [("message", "one"), ("message", "two"), ("ended", "")]


@both
def test_a_reader_has_each_event_while_the_block_goes_on(app, place, producer, stream_id):
    with producer() as emitter:
        emitter.send("one")
        with Answer(app, f"/log/{stream_id}") as answer:
            while b"data: one" not in answer.block():
                pass
            emitter.send("two")
            assert b"data: two" in answer.block()
            emitter.complete()
            assert b"event: ended" in answer.rest()


@both
def test_an_exception_fails_the_stream_and_is_raised_on(producer, log):
    with pytest.raises(StreamError, match="no more tokens"):
        with producer() as emitter:
            emitter.send("one")
            raise StreamError("no more tokens", code="spent")
    (kind, data) = log()[-1]
    assert kind == "error" and "no more tokens" in data and "spent" in data


@both
def test_an_interrupt_tells_the_readers_that_the_process_stops(producer, log):
    with pytest.raises(KeyboardInterrupt):
        with producer() as emitter:
            emitter.send("one")
            raise KeyboardInterrupt
    assert '"code":"shutdown"' in log()[-1][1]


def test_a_greenlet_that_is_killed_cancels_its_stream(producer, log, stream_id):
    def produce():
        with producer() as emitter:
            emitter.send("one")
            gevent.sleep(30)

    greenlet = gevent.spawn(produce)
    gevent.sleep(0)
    greenlet.kill()
    assert isinstance(greenlet.value, GreenletExit)
    assert log() == [("message", "one"), CANCELLED]


@both
def test_the_stream_may_be_completed_before_the_block_ends(producer, log):
    with producer() as emitter:
        assert emitter.complete()
        with pytest.raises(StreamClosed, match="complete"):
            emitter.send("too late")
    assert log() == [("ended", "")]


@both
def test_a_send_behind_the_end_is_raised_on(producer):
    with pytest.raises(StreamClosed, match="complete"):
        with producer() as emitter:
            emitter.complete()
            emitter.send("too late")


@both
def test_an_item_that_cant_be_sent_fails_the_stream(producer, log):
    with pytest.raises(UnsendableItem, match="test_producer.py"):
        with producer() as emitter:
            emitter.send(object())
    assert log()[-1][0] == "error"


@both
def test_the_reports_of_the_end_are_made_when_the_block_is_left(producer):
    summaries = []
    with producer(on_finish=summaries.append) as emitter:
        emitter.on_completion(summaries.append)
        emitter.send("one")
        emitter.send(Usage(prompt_tokens=1, completion_tokens=2))
        assert summaries == []
    assert [(each.reason, each.items, each.text) for each in summaries] == [
        ("complete", 1, "one")
    ] * 2
    assert summaries[0].usage.completion_tokens == 2


@only(THREADS)
def test_a_block_makes_no_hub_and_no_thread(producer):
    """A worker of Celery's prefork pool has none."""
    before = threading.active_count()
    with producer() as emitter:
        emitter.send("one")
        assert threading.active_count() == before
    assert gevent._hub_local.get_hub_if_exists() is None


# Stopping.


@both
def test_a_stop_is_heard_at_once_and_ends_the_block_quietly(
    app, place, streams, producer, stream_id, log
):
    cancelled, after = place.for_reader(), []
    with producer() as emitter:
        emitter.on_cancel(cancelled.set)
        emitter.send("one")
        stop(app, streams, stream_id)
        cancelled.wait()  # as a blocked call to a model would
        emitter.send("two")
        after.append("not reached")
    assert after == []
    assert emitter.is_cancelled
    assert log() == [("message", "one"), CANCELLED]


@both
def test_an_exception_behind_a_stop_is_logged_and_not_raised_on(
    app, streams, producer, stream_id, log, caplog
):
    with producer() as emitter:
        emitter.send("one")
        stop(app, streams, stream_id)
        raise ConnectionError("the call to the model was ended")
    assert "the call to the model was ended" in caplog.text
    assert log() == [("message", "one"), CANCELLED]


@both
def test_a_stream_that_was_stopped_before_it_began_ends_with_the_first_send(
    app, streams, producer, stream_id, log
):
    stop(app, streams, stream_id)
    with producer() as emitter:
        assert emitter.is_cancelled
        emitter.send("one")
    assert log() == [CANCELLED]


@both
def test_nobody_reads_it_and_it_goes_on(producer, log):
    with producer(detach_seconds=0) as emitter:
        emitter.send("one")
    assert log()[0] == ("message", "one")


@both
def test_with_detach_it_ends_where_nobody_reads_it(place, producer, log):
    cancelled = place.for_reader()
    with producer(on_leave="detach", detach_seconds=0) as emitter:
        emitter.on_cancel(cancelled.set)
        cancelled.wait()
        emitter.send("one")
    assert log() == [CANCELLED]


@both
def test_a_timeout_ends_it_and_is_raised_on(place, producer, log):
    cancelled = place.for_reader()
    with pytest.raises(StreamClosed, match="timeout"):
        with producer(total_timeout=0.02) as emitter:
            emitter.on_cancel(cancelled.set)
            cancelled.wait()
            emitter.send("one")
    assert '"code":"timeout"' in log()[-1][1]


@both
def test_a_drain_ends_the_streams_that_are_produced_here(monkeypatch, producer, log, stream_id):
    with pytest.raises(StreamClosed, match="shutdown"):
        with producer() as emitter:
            emitter.send("one")
            (slots,) = [each for each in all_limiters() if each.taken]
            monkeypatch.setattr(slots, "close", lambda: None)  # it would be closed for good
            assert drain([slots], 0) == 1
            emitter.send("two")
    assert '"code":"shutdown"' in log()[-1][1]


@both
def test_a_process_that_is_drained_begins_none(monkeypatch, producer):
    refusal = StreamRefused("The server is being restarted.", code="shutdown")
    monkeypatch.setattr(StreamLimiter, "acquire", lambda *_: refusal)
    with pytest.raises(StreamRefused):
        with producer():
            pass


# One producer.


@both
def test_a_stream_has_one_producer_at_a_time(producer, log):
    with producer() as emitter:
        with pytest.raises(StreamIsProduced, match="has a producer already") as caught:
            with producer():
                pass
        assert not caught.value.has_ended
        emitter.send("one")
    assert log() == [("message", "one"), ("ended", "")]


@both
def test_a_stream_that_has_ended_is_not_produced_again(producer, log):
    with producer() as emitter:
        emitter.send("one")
    with pytest.raises(StreamIsProduced, match="has ended") as caught:
        with producer() as emitter:
            emitter.send("two")
    assert caught.value.has_ended
    assert log() == [("message", "one"), ("ended", "")]


@both
def test_one_producer_has_one_block(app, streams, stream_id):
    with app.app_context():
        producer = streams.producer(stream_id)
        with producer, pytest.raises(RuntimeError, match="begun already"):
            producer.__enter__()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")
def test_a_fork_in_the_block_leaves_the_stream_to_the_parent(producer, log):
    with producer() as emitter:
        emitter.send("one")
        child = os.fork()
        if not child:
            try:
                emitter.complete()
            finally:
                os._exit(0)
        os.waitpid(child, 0)
        emitter.send("two")
    assert log() == [("message", "one"), ("message", "two"), ("ended", "")]


# What it is given.


@pytest.mark.parametrize("stream_id", [None, 7, "", "report", "x" * 33, "x" * 31 + ":", b"x" * 32])
def test_what_is_no_streams_id_is_refused(app, streams, stream_id):
    with app.app_context(), pytest.raises(ConfigurationError, match="^stream_id: "):
        streams.producer(stream_id)


@pytest.mark.parametrize("format", ["plain", "ndjson"])
def test_a_format_without_event_ids_is_refused(app, streams, stream_id, format):
    with app.app_context(), pytest.raises(ConfigurationError, match="^format: "):
        streams.producer(stream_id, format=format)


@pytest.mark.parametrize("option", ["heartbeat", "overflow", "reconnect", "on_disconnect"])
def test_an_option_that_needs_a_reader_is_refused(app, streams, stream_id, option):
    message = f"'{option}'; it is a matter of the readers"
    with app.app_context(), pytest.raises(TypeError, match=message):
        streams.producer(stream_id, **{option: 1})


def test_a_departure_cant_cancel_what_begins_without_a_reader(app, streams, stream_id):
    with app.app_context(), pytest.raises(ConfigurationError, match="^on_leave: "):
        streams.producer(stream_id, on_leave="cancel")


@both
def test_options_of_the_app_that_need_a_reader_have_no_effect(make_app, place):
    streams = LLMStream()
    app = make_app(streams, LLMSTREAM_OVERFLOW="drop", LLMSTREAM_ON_LEAVE="cancel",
                   LLMSTREAM_BUFFER=0, LLMSTREAM_FORMAT="accept")
    stream_id = signed_id(app, NOBODY)
    app.add_url_rule("/log", "log", lambda: streams.attach(stream_id))
    with app.app_context(), streams.producer(stream_id) as emitter:
        emitter.send("one")
    with Answer(app, "/log") as answer:
        assert b"data: one\n" in answer.rest()


def test_it_has_no_response(producer):
    with producer() as emitter:
        with pytest.raises(RuntimeError, match="streams.attach"):
            emitter.response()


@both
def test_items_are_written_as_the_applications_json(app, producer, log):
    class Row:
        def __html__(self):
            return "<b>"

    with producer(format="message") as emitter:
        emitter.send({"row": Row()})
    assert log()[0] == ("message", '{"row":"<b>"}')


# Without an application.


@both
def test_without_an_application_a_storage_is_given(stream_id):
    storage = MemoryStorage()
    with flask_llmstream.producer(stream_id, storage, format="text") as emitter:
        emitter.send("one")
    reading = storage.read(stream_id)
    assert reading.log.read(0).events == b"data: one\nid: %b:1\n\n" % stream_id.encode()
    assert reading.log.end.reason == "complete"
    reading.close()


def test_memory_that_nobody_else_sees_is_refused(stream_id):
    with pytest.raises(ConfigurationError, match="^replay_url: .*by this process alone"):
        flask_llmstream.producer(stream_id, "memory://")

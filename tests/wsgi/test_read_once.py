"""A stream is read once, by one request: a second reader is refused, a lost reader is noticed."""

from __future__ import annotations

import copy
import gc
import pickle
import threading

import pytest
from werkzeug.test import EnvironBuilder

from tests.support.answers import Answer
from tests.support.runtimes import GREENLETS, HANG_GUARD, THREADS, only, wait_for_worker_threads

where_it_is_read = only(GREENLETS, THREADS)

REFUSED = pytest.raises(RuntimeError, match="read once, by one request")


def slots_of(app):
    return app.extensions["llmstream"].slots


def call(app):
    """Call an app as a server does, without this suite's own checks in between."""
    return app(EnvironBuilder("/").get_environ(), lambda *arguments: None)


@pytest.fixture
def emitter(app, streams):
    """An emitter that views share."""
    with app.test_request_context():
        return streams.emitter(format="text")


@pytest.fixture
def shared(app, emitter):
    """An app whose view returns the response of that emitter for each request."""
    app.add_url_rule("/", "view", lambda: emitter.response())
    return app


@pytest.fixture
def same_response(app, streams, waiting):
    """An app whose view returns the same response for each request. Its source waits."""
    with app.test_request_context():
        response = streams.response(waiting)
    app.add_url_rule("/", "view", lambda: response)
    return app


@pytest.fixture
def departure(place):
    """An ``on_disconnect`` that the test can wait for."""

    class Left:
        def __init__(self):
            self._came = place.for_reader()
            self.wait = self._came.wait

        def __call__(self, summary):
            self._came.set()

    return Left()


# A second reader.


@where_it_is_read
def test_an_emitter_has_one_response(place, app, emitter):
    with app.test_request_context():
        response = emitter.response()
        assert emitter.response() is response
    blocks = iter(response.response)
    next(blocks)
    with app.test_request_context(), REFUSED:
        emitter.response()
    assert slots_of(app).taken == 1
    emitter.send("on and on")
    emitter.complete()
    assert b"on and on" in b"".join(blocks)


@where_it_is_read
def test_a_second_reader_counts_for_no_client(place, make_app, streams):
    app = make_app(LLMSTREAM_MAX_STREAMS_PER_CLIENT=1)
    with app.test_request_context():
        emitter = streams.emitter()
    app.add_url_rule("/", "view", lambda: emitter.response())
    app.add_url_rule("/other", "other", lambda: streams.response(["one"]))
    with Answer(app.wsgi_app, "/") as answer:
        answer.block()
        assert app.test_client().get("/").status_code == 500
        emitter.complete()
        answer.rest()
    wait_for_worker_threads()
    with Answer(app.wsgi_app, "/other") as answer:
        assert b"one" in answer.rest()
        assert answer.status == 200


@pytest.mark.parametrize("last, status", [("0", 410), ("ended", 204)])
@where_it_is_read
def test_one_who_comes_back_is_told_so_and_whoever_reads_is_left_alone(
    place, shared, emitter, last, status
):
    with Answer(shared, "/") as answer:
        answer.block()
        back = {"Last-Event-ID": f"{'0' * 32}:{last}"}
        assert shared.test_client().get("/", headers=back).status_code == status
        assert not emitter.is_cancelled
        emitter.send("on and on")
        emitter.complete()
        assert b"on and on" in answer.rest()


@where_it_is_read
def test_a_response_that_is_returned_twice_is_refused_and_the_first_goes_on(
    place, same_response, waiting
):
    with Answer(same_response, "/") as answer:
        answer.block()
        waiting.waits.wait()
        with REFUSED:
            list(call(same_response.wsgi_app))
        waiting.go_on.set()
        assert b"two" in answer.rest()
    wait_for_worker_threads()
    assert slots_of(same_response).taken == 0


def test_a_copy_of_a_response_is_refused_as_well(app, streams):
    with app.test_request_context():
        response = streams.response(["one"])
    copied = copy.copy(response)
    body = response(EnvironBuilder("/").get_environ(), lambda *arguments: None)
    with REFUSED:
        copied(EnvironBuilder("/").get_environ(), lambda *arguments: None)
    assert b"one" in b"".join(body)
    body.close()


@where_it_is_read
def test_a_body_is_iterated_once(place, app, serve):
    serve(lambda: ["one"])
    body = call(app.wsgi_app)
    blocks = iter(body)
    with REFUSED:
        iter(body)
    assert b"one" in b"".join(blocks)
    with REFUSED:
        iter(body)
    body.close()


def test_of_many_threads_one_reads_it(app, serve):
    serve(lambda: ["one"])
    body, read, refused = call(app.wsgi_app), [], []
    all_there = threading.Barrier(8)

    def reads():
        all_there.wait(HANG_GUARD)
        try:
            read.append(b"".join(body))
        except RuntimeError as error:
            refused.append(error)

    threads = [threading.Thread(target=reads) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(HANG_GUARD)
    body.close()
    assert (len(read), len(refused)) == (1, 7)
    wait_for_worker_threads()
    assert slots_of(app).taken == 0


def test_a_body_that_was_closed_is_not_read(app, serve):
    serve(lambda: ["one"])
    body = call(app.wsgi_app)
    body.close()
    with REFUSED:
        iter(body)


def test_a_response_that_was_asked_for_its_head_is_not_read(app, streams):
    with app.test_request_context():
        response = streams.response(["one"])
    head = EnvironBuilder("/", method="HEAD").get_environ()
    assert b"".join(response(head, lambda *arguments: None)) == b""
    with REFUSED:
        list(response(EnvironBuilder("/").get_environ(), lambda *arguments: None))


@pytest.mark.parametrize("keep", [pickle.dumps, copy.deepcopy])
def test_a_body_can_be_kept_by_no_cache(app, streams, keep):
    with app.test_request_context():
        body = streams.response(["one"]).response
    with pytest.raises(TypeError, match="a response that streams can't be kept"):
        keep(body)


# A lost reader.


@where_it_is_read
def test_an_iterator_that_is_never_advanced_starts_nothing(app, serve, waiting):
    serve(lambda: waiting)
    iter(call(app.wsgi_app))
    assert slots_of(app).taken == 0


def test_a_body_that_is_dropped_ends_the_stream(place, app, serve, waiting, finished, departure):
    serve(lambda: waiting, on_finish=finished, on_disconnect=departure)
    blocks = iter(call(app.wsgi_app))
    next(blocks)
    waiting.waits.wait()
    del blocks
    departure.wait()
    waiting.go_on.set()
    assert finished.summary().reason == "disconnect"
    wait_for_worker_threads()


def test_a_middleware_that_is_a_generator_ends_the_stream_when_it_is_closed(
    place, app, serve, waiting, finished, departure
):
    def wrapped(environ, start_response):
        for block in app.wsgi_app(environ, start_response):
            yield block

    serve(lambda: waiting, on_finish=finished, on_disconnect=departure)
    blocks = call(wrapped)
    next(blocks)
    waiting.waits.wait()
    blocks.close()
    departure.wait()
    waiting.go_on.set()
    assert finished.summary().reason == "disconnect"
    wait_for_worker_threads()


def test_a_body_that_only_gc_finds_may_be_found_on_any_thread(
    place, app, serve, waiting, finished, departure, schedule
):
    serve(lambda: waiting, on_finish=finished, on_disconnect=departure, total_timeout=99)
    cycle = {"blocks": iter(call(app.wsgi_app))}
    next(cycle["blocks"])
    waiting.waits.wait()
    cycle["itself"] = cycle
    del cycle
    collecting = threading.Thread(target=gc.collect)
    collecting.start()
    collecting.join(HANG_GUARD)
    departure.wait()
    waiting.go_on.set()
    assert finished.summary().reason == "disconnect"
    wait_for_worker_threads()


@where_it_is_read
def test_who_sends_to_a_response_that_is_dropped_unread_is_told(place, app, emitter, finished):
    emitter.on_completion(finished)
    with app.test_request_context():
        emitter.response()
        emitter.send("its request goes on")
    assert finished.summary().reason == "cancelled"
    assert emitter.is_cancelled

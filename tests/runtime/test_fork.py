"""A forked child counts no stream of its parent as its own, and ends none."""

from __future__ import annotations

import gc
import os
import threading

from flask_llmstream import StreamClosed
from flask_llmstream.runtime.timers import thread_schedule
from flask_llmstream.stream.limits import StreamLimiter
from tests.support.answers import Answer
from tests.support.runtimes import GREENLETS, HANG_GUARD, THREADS, only, wait_for_worker_threads

where_it_is_read = only(GREENLETS, THREADS)


def in_a_child(work):
    """The result of a function that ran in a forked child, as text. A child that hangs is ended."""
    ours, childs = os.pipe()
    child = os.fork()
    if child == 0:
        told = "it failed"
        try:
            told = str(work())
        finally:
            os.write(childs, told.encode())
            os._exit(0)
    os.close(childs)
    hangs = threading.Timer(HANG_GUARD / 2, os.kill, (child, 9))
    hangs.start()
    with open(ours) as pipe:
        told = pipe.read()
    os.waitpid(child, 0)
    hangs.cancel()
    hangs.join()
    return told


def slots_of(app):
    return app.extensions["llmstream"].slots


class Aborted:
    """A source that waits as a provider's does, and is aborted where it can't be interrupted.

    :ivar told: what was done to it, in whichever process.
    """

    def __init__(self, waiting):
        self._waiting = waiting
        self.told, self._tell = os.pipe()

    def __iter__(self):
        try:
            yield from self._waiting
        finally:
            os.write(self._tell, b"closed ")

    def abort(self):
        os.write(self._tell, b"aborted ")

    def all_told(self):
        os.close(self._tell)
        with open(self.told) as pipe:
            return pipe.read()


@where_it_is_read
def test_a_childs_slots_are_its_own(place, make_app, streams, waiting):
    app = make_app(LLMSTREAM_MAX_STREAMS=1, LLMSTREAM_MAX_STREAMS_PER_CLIENT=1)
    app.add_url_rule("/", "view", lambda: streams.response(waiting))
    app.add_url_rule("/one", "one", lambda: streams.response(["one"]))

    def child():
        taken = slots_of(app).taken
        with Answer(app, "/one") as answer:
            return taken, b"one" in answer.rest(), answer.status

    with Answer(app, "/") as answer:
        answer.block()
        assert in_a_child(child) == "(0, True, 200)"
        assert slots_of(app).taken == 1
        waiting.go_on.set()
        assert b"two" in answer.rest()
    wait_for_worker_threads()
    assert slots_of(app).taken == 0


@where_it_is_read
def test_a_child_drains_nothing_of_its_parents(place, app, serve, streams, waiting):
    serve(lambda: waiting)
    with Answer(app, "/") as answer:
        answer.block()
        assert in_a_child(lambda: streams.drain(HANG_GUARD * 10)) == "0"
        waiting.go_on.set()
        assert b"two" in answer.rest()


def test_a_child_of_a_process_that_drains_serves():
    slots = StreamLimiter(1)
    slots.close()
    assert in_a_child(lambda: slots.acquire(object_of_a_stream())) == "None"


def object_of_a_stream():
    class AStream:
        """As much of a stream as the slots know."""

        def disown(self):
            """It never ran."""

    return AStream()


def test_a_lock_that_another_thread_held_is_free_in_a_child():
    held, go_on = threading.Event(), threading.Event()

    class Holds(type(object_of_a_stream())):
        def __hash__(self):
            held.set()
            go_on.wait(HANG_GUARD)
            return 1

    slots, late = StreamLimiter(9), Holds()
    holding = threading.Thread(target=slots.acquire, args=(late,))
    holding.start()
    held.wait(HANG_GUARD)
    told = in_a_child(lambda: slots.acquire(object_of_a_stream()))
    go_on.set()
    holding.join(HANG_GUARD)
    assert told == "None"


def test_a_child_that_closes_or_drops_a_body_ends_nothing(place, app, serve, waiting):
    source = Aborted(waiting)
    serve(lambda: source)
    with Answer(app, "/") as answer:
        answer.block()
        waiting.waits.wait()
        in_a_child(lambda: (answer.close(), vars(answer).clear(), gc.collect()))
        waiting.go_on.set()
        assert b"two" in answer.rest()
    wait_for_worker_threads()
    assert source.all_told() == "closed "


@where_it_is_read
def test_a_timer_that_fires_in_a_child_ends_nothing(
    place, app, serve, waiting, schedule, connection
):
    source = Aborted(waiting)
    serve(lambda: source, total_timeout=60, send_timeout=1e-9)

    def child():
        for timer in schedule.waiting:
            timer.fire()

    with Answer(app, "/", connection.environ) as answer:
        answer.block()
        waiting.waits.wait()
        in_a_child(child)
        connection.server.sendall(b"still here")
        assert connection.client.recv(100) == b"still here"
        waiting.go_on.set()
        assert b"two" in answer.rest()
    wait_for_worker_threads()
    assert source.all_told() == "closed "


@where_it_is_read
def test_a_child_completes_no_emitter_of_its_parents(place, app, streams):
    with app.test_request_context():
        emitter = streams.emitter(format="text")
        app.add_url_rule("/", "view", lambda: emitter.response())
    with Answer(app, "/") as answer:
        answer.block()
        assert in_a_child(lambda: (emitter.complete(), emitter.fail(StreamClosed("why")))) == (
            "(False, False)"
        )
        emitter.send("goes on")
        emitter.complete()
        assert b"goes on" in answer.rest()
    wait_for_worker_threads()


def test_a_stream_that_was_made_before_the_fork_runs_behind_it(app, streams):
    with app.test_request_context():
        body = streams.response(["one"], heartbeat=0).response
    assert in_a_child(lambda: b'"one"' in b"".join(body)) == "True"
    body.close()


def test_a_timer_of_the_parents_is_harmless_in_a_child():
    parents = thread_schedule(HANG_GUARD * 1000, print)

    def child():
        ran = threading.Event()
        for _ in range(200):
            parents.cancel()
            thread_schedule(HANG_GUARD * 1000, print).cancel()
        thread_schedule(0, ran.set)
        return ran.wait(HANG_GUARD / 4)

    assert in_a_child(child) == "True"
    parents.cancel()

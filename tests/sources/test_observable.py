"""An Observable streams what it pushes; whoever pushes waits for room; leaving unsubscribes."""

from __future__ import annotations

import itertools
import json
import os
import threading
from contextlib import contextmanager, suppress
from importlib.util import find_spec

import pytest
from flask import g, request
from gevent import GreenletExit

from flask_llmstream import StreamError
from flask_llmstream.errors import UnsendableItem
from tests.conftest import needs
from tests.support.answers import Answer
from tests.support.runtimes import HANG_GUARD

needs("reactivex", find_spec("reactivex"))

import reactivex  # noqa: E402
from reactivex import operators as ops  # noqa: E402
from reactivex.disposable import Disposable  # noqa: E402


def messages(events):
    return [json.loads(event.data)["message"] for event in events]


class Pushing:
    """An Observable whose pushing is in the test's hands.

    :ivar subscribed: set when ``observer`` is there.
    :ivar disposed: set when nobody wants more.
    """

    def __init__(self, place):
        self.subscribed = place.for_reader()
        self.disposed = place.for_reader()
        self.pushed = place.for_reader()
        self.observable = reactivex.create(self._subscribe)

    def push(self, letters):
        """Push these, and the end; ``pushed`` is set behind that."""
        for letter in letters:
            self.observer.on_next({"letter": letter})
        self.observer.on_completed()
        self.pushed.set()

    def _subscribe(self, observer, scheduler):
        self.observer = observer
        self.subscribed.set()
        return Disposable(self.disposed.set)


@pytest.fixture
def pushing(place):
    return Pushing(place)


@pytest.fixture
def subscribed(app, serve, pushing):
    """An answer whose source has been subscribed to."""

    @contextmanager
    def subscribed(**options):
        serve(lambda: pushing.observable, **options)
        with Answer(app, "/") as answer:
            answer.block()
            pushing.subscribed.wait()
            yield answer

    return subscribed


# What it pushes.


def test_what_an_observable_pushes_streams_in_order(place, app, serve):
    serve(lambda: reactivex.range(1000).pipe(ops.map(str)))
    with Answer(app, "/") as answer:
        assert messages(answer.all_events()) == [*map(str, range(1000)), ""]


def test_a_view_may_return_one(place, app, streams):
    @app.route("/<name>")
    @streams.view()
    def view(name):
        return reactivex.of("Hello", name)

    with Answer(app, "/ada") as answer:
        assert messages(answer.all_events()) == ["Hello", "ada", ""]


def test_what_its_own_scheduler_pushes_later_streams_as_well(place, app, serve):
    serve(lambda: reactivex.interval(0.001).pipe(ops.take(3), ops.map(str)))
    with Answer(app, "/") as answer:
        assert messages(answer.all_events()) == ["0", "1", "2", ""]


def test_it_is_subscribed_to_when_the_first_block_is_read(place, app, serve, pushing):
    serve(lambda: pushing.observable)
    with Answer(app, "/", method="HEAD") as answer:
        answer.rest()
    with Answer(app, "/") as answer:
        assert not pushing.subscribed.is_set()
        answer.block()
        pushing.subscribed.wait()


def test_at_its_subscription_everything_is_what_it_was_in_the_view(place, app, streams):
    def words(observer, scheduler):
        for word in (request.path, g.user):
            observer.on_next(word)
        observer.on_completed()

    @app.route("/<name>")
    @streams.view()
    def view(name):
        g.user = name
        return reactivex.create(words)

    with Answer(app, "/ada") as answer:
        assert messages(answer.all_events()) == ["/ada", "ada", ""]


def test_many_threads_may_push_and_each_keeps_its_order(place, subscribed, pushing, finished):
    def push(name):
        for number in range(100):
            pushing.observer.on_next({"of": name, "number": number})
        if next(done) == 7:
            pushing.observer.on_completed()

    done = itertools.count()
    with subscribed(on_finish=finished) as answer:
        threads = [threading.Thread(target=push, args=(name,)) for name in range(8)]
        for thread in threads:
            thread.start()
        *events, _ = answer.all_events()
    pushed = [json.loads(event.data) for event in events]
    for name in range(8):
        assert [one["number"] for one in pushed if one["of"] == name] == list(range(100))
    finished.summary()


def test_what_is_pushed_behind_its_end_is_not_sent(place, subscribed, pushing):
    with subscribed() as answer:
        pushing.observer.on_next("one")
        pushing.observer.on_completed()
        pushing.observer.on_next("two")
        assert messages(answer.all_events()) == ["one", ""]


def test_what_looks_like_one_is_one(place, app, serve):
    class Words:
        def pipe(self, *operators):
            raise NotImplementedError

        def subscribe(self, on_next, on_error, on_completed):
            on_next("Hello")
            on_completed()
            return Disposable()

    serve(Words)
    with Answer(app, "/") as answer:
        assert messages(answer.all_events()) == ["Hello", ""]


def test_what_can_only_be_subscribed_to_is_none(place, app, streams):
    class PubSub:
        def subscribe(self, *channels):
            raise NotImplementedError

    with app.test_request_context(), pytest.raises(TypeError, match="PubSub is not iterable"):
        streams.response(PubSub())


# Failures.


def test_an_error_comes_behind_what_was_pushed_before_it(place, subscribed, pushing):
    with subscribed() as answer:
        pushing.observer.on_next("one")
        pushing.observer.on_error(StreamError("Out of credit."))
        one, error = answer.all_events()
    assert json.loads(one.data)["message"] == "one"
    assert json.loads(error.data)["error"]["message"] == "Out of credit."


def test_an_error_before_the_first_item_has_its_true_status(place, app, serve):
    refused = StreamError("Out of credit.", status=402)
    serve(lambda: reactivex.throw(refused), hold=60, heartbeat=0)
    with Answer(app, "/") as answer:
        answer.rest()
    assert answer.status == 402


def test_what_another_error_says_is_not_told(place, app, serve, finished):
    serve(lambda: reactivex.throw(LookupError("a secret")), on_finish=finished)
    with Answer(app, "/") as answer:
        assert b"secret" not in answer.rest()
    assert isinstance(finished.summary().error, LookupError)


def test_an_error_that_is_no_exception_is_one_here(place, subscribed, pushing):
    with subscribed() as answer:
        pushing.observer.on_error("a word")
        assert b'"code":"internal"' in answer.rest()


def test_what_json_cant_hold_ends_it_and_whoever_pushed_it_goes_on(subscribed, pushing, finished):
    with subscribed(on_finish=finished) as answer:
        pushing.push([object()])
        assert b"event: error" in answer.rest()
    assert isinstance(finished.summary().error, UnsendableItem)


@pytest.mark.parametrize("error", [LookupError, SystemExit])
def test_a_subscription_that_fails_is_an_error(place, app, serve, finished, error):
    def fail(observer, scheduler):
        raise error

    serve(lambda: reactivex.create(fail), on_finish=finished)
    with Answer(app, "/") as answer:
        answer.rest()
    assert isinstance(finished.summary().error, error)


# Room.


def test_whoever_pushes_waits_for_room(place, app, streams, serve, finished):
    given, full = [], place.for_reader()

    def numbers():
        for number in range(100):
            given.append(number)
            if number == 3:
                full.set()
            yield str(number)

    app.add_url_rule("/other", "other", lambda: streams.response(reactivex.range(100)))
    source = reactivex.from_iterable(numbers())
    serve(lambda: source, buffer=3, heartbeat=0, on_finish=finished)
    with Answer(app, "/") as answer:
        answer.block()  # the opening alone
        full.wait()
        with Answer(app, "/other") as other:
            other.rest()
        assert len(given) == 4, "three in the buffer, and one that waits for room"
        assert messages(answer.all_events()) == [*map(str, range(100)), ""]
    assert finished.summary().items == 100


@pytest.mark.parametrize(
    "overflow, received, reason",
    [
        ("block", "ABCDE", "complete"),
        ("buffer", "ABCDE", "complete"),
        ("drop", "AB", "complete"),
        ("latest", "ABE", "complete"),
        ("error", "AB", "overflow"),
    ],
)
def test_without_room_the_strategy_acts(
    place, app, serve, pushing, finished, overflow, received, reason
):
    """As for ``create``, and its end is the strategy's too."""
    serve(lambda: pushing.observable, overflow=overflow, buffer=2, on_finish=finished)
    with Answer(app, "/") as answer:
        answer.block()
        pushing.subscribed.wait()
        pusher = threading.Thread(target=pushing.push, args=("ABCDE",))
        pusher.start()
        if overflow != "block":
            pushing.pushed.wait()
        *items, _ = answer.all_events()
    pusher.join()
    assert [json.loads(event.data)["letter"] for event in items] == list(received)
    summary = finished.summary()
    assert summary.reason == reason
    assert summary.items - summary.lost == len(received)


# Who leaves unsubscribes.


def test_a_reader_who_leaves_while_it_is_silent_unsubscribes(place, subscribed, pushing, finished):
    with subscribed(on_finish=finished):
        """Nothing has come."""
    pushing.disposed.wait()
    assert finished.summary().reason == "disconnect"


def test_a_timeout_unsubscribes(place, subscribed, pushing, finished, schedule):
    options = {"total_timeout": 60, "send_timeout": 0, "on_finish": finished}
    with subscribed(**options) as answer:
        schedule.fire()
        assert b'"code":"timeout"' in answer.rest()
        pushing.disposed.wait()
    assert finished.summary().reason == "timeout"


def test_its_end_unsubscribes(place, subscribed, pushing):
    with subscribed() as answer:
        pushing.observer.on_completed()
        assert messages(answer.all_events()) == [""]
    pushing.disposed.wait()


def test_one_that_is_left_while_it_is_subscribed_to_is_disposed_of_as_well(
    place, app, serve, finished
):
    subscribing, go_on, disposed = place.for_reader(), threading.Event(), place.for_reader()

    def subscribe(observer, scheduler):
        subscribing.set()
        with suppress(GreenletExit):
            go_on.wait(HANG_GUARD)
        return Disposable(disposed.set)

    serve(lambda: reactivex.create(subscribe), on_finish=finished)
    with Answer(app, "/") as answer:
        answer.block()
        subscribing.wait()
    go_on.set()
    disposed.wait()
    assert finished.summary().reason == "disconnect"


def test_an_endless_one_that_pushes_from_inside_subscribe_ends(place, app, serve, finished):
    """Without a word from us it would go on for good: nobody has its subscription yet."""
    source = reactivex.from_iterable(map(str, itertools.count()))
    serve(lambda: source, buffer=1, on_finish=finished)
    with Answer(app, "/") as answer:
        answer.block()
        answer.block()
    assert finished.summary().reason == "disconnect"


def test_who_waits_for_room_when_the_reader_leaves_goes_on(place, subscribed, pushing, finished):
    full = place.for_reader()

    def letters():
        yield from "AB"
        full.set()
        yield from "CD"

    with subscribed(buffer=2, on_finish=finished):
        pusher = threading.Thread(target=pushing.push, args=(letters(),))
        pusher.start()
        full.wait()
    pushing.pushed.wait()
    pusher.join()
    assert finished.summary().reason == "disconnect"


def test_a_native_thread_that_waits_for_room_gets_no_hub(place, subscribed, pushing):
    """That would leave two descriptors behind."""
    with subscribed(buffer=1) as answer:
        before = len(os.listdir("/proc/self/fd"))
        pusher = threading.Thread(target=pushing.push, args=("A" * 300,))
        pusher.start()
        assert len(answer.all_events()) == 301
        pusher.join()
    assert len(os.listdir("/proc/self/fd")) == before

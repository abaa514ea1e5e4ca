"""Several that send to one emitter: nobody freezes, each keeps their order, the end frees all."""

from __future__ import annotations

import operator
from collections.abc import Mapping

import gevent
import pytest

from flask_llmstream import StreamClosed
from flask_llmstream.errors import StreamNotStarted
from tests.support.answers import Answer
from tests.support.runtimes import GREENLETS, HANG_GUARD, only, wait_for_worker_threads

on_greenlets = only(GREENLETS)


@pytest.fixture
def serve(app, streams):
    """Serve an emitter at ``/``: ``use`` is called with it in the view."""

    def serve(use=lambda emitter: None, **options):
        made = []

        @app.route("/")
        def view():
            made.append(streams.emitter(**{"format": "text", **options}))
            use(made[0])
            return made[0].response()

        return made

    return serve


@pytest.fixture
def open_stream(place, app, serve):
    """An emitter whose stream is read, and what reads it."""
    answers = []

    def open_stream(**options):
        (made, answer) = serve(**options), Answer(app, "/")
        answers.append(answer)
        answer.block()
        return made[0], answer

    yield open_stream
    for answer in answers:
        answer.close()
    wait_for_worker_threads()


class Lazy(Mapping):
    """A mapping that does something when it is read: a row that asks its database."""

    def __init__(self, name, read):
        self._name, self._read = name, read

    def __iter__(self):
        self._read()
        return iter(("name",))

    def __len__(self):
        return 1

    def __getitem__(self, key):
        return self._name


def a_moment():
    gevent.sleep(0)


def names_in(answer):
    """The names of the lazy mappings that came, in order."""
    return [event.data[9:-2] for event in answer.all_events() if event.data.startswith('{"name"')]


STRATEGIES = [
    {"overflow": "block", "buffer": 1},
    {"overflow": "buffer"},
    {"overflow": "missing"},
    {"overflow": "latest", "coalesce": lambda previous, new: new if a_moment() else new},
]


# While code that is not ours runs.


@on_greenlets
@pytest.mark.parametrize("options", STRATEGIES, ids=lambda options: options["overflow"])
def test_others_go_on_while_an_item_is_made_bytes_and_each_keeps_their_order(
    place, open_stream, options
):
    emitter, answer = open_stream(**options)

    def work(sender):
        for number in range(20):
            emitter.send(Lazy(f"{sender}{number}", a_moment))

    senders = [gevent.spawn(work, sender) for sender in "abc"]
    reader = gevent.spawn(names_in, answer)
    gevent.joinall(senders, timeout=HANG_GUARD, raise_error=True)
    emitter.complete()
    names = reader.get(timeout=HANG_GUARD)
    for sender in "abc":
        numbers = [int(name[1:]) for name in names if name[0] == sender]
        assert numbers == sorted(numbers)
        assert len(numbers) == 20 or options["overflow"] == "latest"


@on_greenlets
def test_a_merge_may_wait(place, open_stream):
    def merge(previous, new):
        a_moment()
        return previous + new

    emitter, answer = open_stream(overflow="latest", coalesce=merge, buffer=1)
    senders = [gevent.spawn(lambda: [emitter.send("x") for _ in range(10)]) for _ in range(3)]
    gevent.joinall(senders, timeout=HANG_GUARD, raise_error=True)
    emitter.complete()
    assert "".join(event.data for event in answer.all_events()) == "x" * 30


def test_to_send_from_what_makes_an_item_bytes_is_an_error(place, open_stream):
    emitter, answer = open_stream()
    with pytest.raises(RuntimeError, match="by what makes that item bytes"):
        emitter.send(Lazy("outer", lambda: emitter.send("inner")))
    emitter.send("afterwards")
    emitter.complete()
    assert [event.data for event in answer.all_events()] == ["afterwards"]


def test_to_send_from_a_merge_is_an_error_and_loses_nothing(place, open_stream):
    def merge(previous, new):
        emitter.send("inner")

    emitter, answer = open_stream(overflow="latest", coalesce=merge, buffer=1)
    emitter.send("one")
    emitter.send("two")
    with pytest.raises(RuntimeError):
        emitter.send("three")
    emitter.complete()
    assert [event.data for event in answer.all_events()] == ["one", "two"]


def test_what_makes_an_item_bytes_may_send_to_another_emitter(place, app, streams):
    def use():
        one, other = streams.emitter(format="text"), streams.emitter(format="text")
        one.send(Lazy("outer", lambda: other.send("inner")))
        one.complete()
        other.complete()
        assert other.statistics.sent_items == 1
        return one.response()

    app.add_url_rule("/", "view", use)
    with Answer(app, "/") as answer:
        assert names_in(answer) == ["outer"]


# Giving up.


class Held:
    """An item that keeps its sender's turn until it is let go."""

    def __init__(self, emitter):
        self._go_on = gevent.event.Event()
        self.sender = gevent.spawn(emitter.send, Lazy("held", self._go_on.wait))
        gevent.sleep(0)

    def let_go(self):
        self._go_on.set()
        self.sender.join(HANG_GUARD)


@on_greenlets
def test_who_gives_up_waiting_for_its_turn_has_sent_nothing(place, open_stream):
    emitter, answer = open_stream()
    held = Held(emitter)
    killed = gevent.spawn(emitter.send, "killed")
    gevent.sleep(0)
    killed.kill()
    with pytest.raises(gevent.Timeout), gevent.Timeout(0):
        emitter.send("too late")
    held.let_go()
    emitter.send("afterwards")
    emitter.complete()
    assert [event.data for event in answer.all_events()] == ['{"name":"held"}', "afterwards"]


@on_greenlets
def test_who_is_killed_while_it_waits_for_room_leaves_the_turn_to_others(place, open_stream):
    emitter, answer = open_stream(overflow="block", buffer=1)
    emitter.send("one")
    waiting = [gevent.spawn(emitter.send, name) for name in ("killed", "two")]
    gevent.sleep(0)
    waiting[0].kill()
    assert b"one" in answer.block() and b"two" in answer.block()
    gevent.joinall(waiting, timeout=HANG_GUARD)
    assert emitter.statistics.sent_items == 2


@on_greenlets
def test_the_end_frees_who_waits_for_its_turn_whatever_its_holder_does(place, open_stream):
    emitter, answer = open_stream()
    held = Held(emitter)
    waiting = [gevent.spawn(emitter.send, "in vain") for _ in range(2)]
    gevent.sleep(0)
    assert emitter.complete()
    gevent.joinall(waiting, timeout=HANG_GUARD)
    assert {type(one.exception) for one in waiting} == {StreamClosed}
    assert answer.all_events() == []  # the holder's item had not been accepted
    held.let_go()
    assert isinstance(held.sender.exception, StreamClosed)


@on_greenlets
def test_the_end_frees_all_who_wait_for_room(place, open_stream):
    emitter, answer = open_stream(overflow="block", buffer=1)
    waiting = [gevent.spawn(emitter.send, "x") for _ in range(4)]
    gevent.sleep(0)
    emitter.complete()
    gevent.joinall(waiting, timeout=HANG_GUARD)
    assert [type(one.exception) for one in waiting].count(StreamClosed) == 3
    assert [event.data for event in answer.all_events()] == ["x"]


@on_greenlets
def test_who_has_to_return_the_response_does_not_wait_behind_one_who_waits_for_room(
    place, app, serve
):
    refused = []

    def use(emitter):
        emitter.send("one")
        waits = gevent.spawn(emitter.send, "two")
        gevent.sleep(0)
        with pytest.raises(StreamNotStarted):
            emitter.send("three")
        refused.append(waits)

    made = serve(use, overflow="block", buffer=1)
    with Answer(app, "/") as answer:
        reader = gevent.spawn(answer.all_events)
        refused[0].join(HANG_GUARD)
        made[0].complete()
        assert [event.data for event in reader.get(timeout=HANG_GUARD)] == ["one", "two"]


@on_greenlets
def test_nor_does_it_stay_behind_one_who_comes_to_wait_for_room(place, app, serve):
    def use(emitter):
        emitter.send("one")
        waits = gevent.spawn(emitter.send, Lazy("two", a_moment))
        gevent.sleep(0)  # it is made bytes now, and finds no room then
        with pytest.raises(StreamNotStarted):
            emitter.send("three")
        waits.kill()

    serve(use, overflow="block", buffer=1)
    Answer(app, "/").close()


# What was accepted, and the end.


@on_greenlets
def test_what_a_merge_has_in_hand_goes_before_a_good_end(place, open_stream):
    go_on = gevent.event.Event()

    def merge(previous, new):
        go_on.wait()
        return previous + new

    emitter, answer = open_stream(overflow="latest", coalesce=merge, buffer=1)
    emitter.send("one ")
    emitter.send("two ")
    merging = gevent.spawn(emitter.send, "three ")
    gevent.sleep(0)
    assert b"one" in answer.block()
    rest = gevent.spawn(answer.all_events)
    emitter.complete()
    gevent.sleep(0)
    go_on.set()
    merging.get(timeout=HANG_GUARD)
    assert [event.data for event in rest.get(timeout=HANG_GUARD)] == ["two three "]


@on_greenlets
def test_a_merge_that_never_returns_keeps_no_bad_end_waiting(place, open_stream):
    never = gevent.event.Event()
    emitter, answer = open_stream(
        overflow="latest", coalesce=lambda *_: never.wait(), buffer=1, format="message"
    )
    for item in ("one", "two"):
        emitter.send(item)
    merging = gevent.spawn(emitter.send, "three")
    gevent.sleep(0)
    emitter.fail(LookupError())
    assert b"event: error" in answer.rest()
    merging.kill()


@on_greenlets
def test_a_merge_that_fails_keeps_no_reader_waiting(place, open_stream):
    go_on = gevent.event.Event()

    def merge(previous, new):
        go_on.wait()
        raise LookupError

    emitter, answer = open_stream(overflow="latest", coalesce=merge, buffer=1)
    for item in ("one", "two"):
        emitter.send(item)
    merging = gevent.spawn(emitter.send, "three")
    gevent.sleep(0)
    assert b"one" in answer.block()
    following = gevent.spawn(answer.block)
    gevent.sleep(0)
    go_on.set()
    merging.join(HANG_GUARD)
    assert b"two" in following.get(timeout=HANG_GUARD)


@on_greenlets
def test_text_is_merged_by_many_without_a_loss(place, open_stream):
    emitter, answer = open_stream(overflow="latest", coalesce=operator.add, buffer=1)
    senders = [gevent.spawn(lambda: [emitter.send("x") for _ in range(50)]) for _ in range(4)]
    gevent.joinall(senders, timeout=HANG_GUARD, raise_error=True)
    emitter.complete()
    assert "".join(event.data for event in answer.all_events()) == "x" * 200

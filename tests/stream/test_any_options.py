"""Whatever is combined: a stream has one ending, one summary, one slot, and leaves nothing.

Sources, options and readers are random programs; a failing one is printed as small as it can be.
"""

from __future__ import annotations

import contextlib
import os
import time

import gevent
import pytest
from flask import Flask, abort
from gevent import GreenletExit
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from flask_llmstream import LLMStream, ServerSentEvent, StreamError
from flask_llmstream.records import Usage
from tests.support.answers import Answer
from tests.support.connections import Connection
from tests.support.runtimes import GREENLETS, PLACES, wait_for_worker_threads

REASONS = {"complete", "error", "timeout", "disconnect", "cancelled", "shutdown"}
SOON = 0.003
IN_TIME = settings(
    max_examples=int(os.environ.get("EXAMPLES", 60)),
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)


def seldom(*values):
    """One of these, or the default."""
    return st.one_of(st.none(), st.sampled_from(values))


OPTIONS = st.fixed_dictionaries(
    {
        "format": seldom("text", "ndjson"),
        "event": seldom("delta"),
        "heartbeat": seldom(0, SOON),
        "first_event_timeout": seldom(SOON),
        "idle_timeout": seldom(SOON),
        "total_timeout": seldom(SOON),
        "max_lifetime": seldom(SOON),
        "send_timeout": seldom(0, SOON),
        "hold": seldom(SOON, 1),
        "buffer": seldom(1),
        "buffer_bytes": seldom(1),
        "reconnect": seldom("restart"),
    }
)

ITEMS = ["text", "", {"a": 1}, ServerSentEvent("data", id="7"), ServerSentEvent(comment="x")]
STEPS = st.one_of(
    st.tuples(st.just("give"), st.sampled_from([*ITEMS, Usage(1, 2), None])),
    st.tuples(st.just("give much"), st.just(40_000)),
    st.tuples(st.just("wait"), st.sampled_from([0, SOON / 3, 2 * SOON])),
    st.tuples(st.just("wait, whatever comes"), st.just(SOON)),
    st.tuples(st.just("raise"), st.sampled_from([LookupError, StreamError, GreenletExit])),
    st.tuples(st.just("abort"), st.sampled_from([404, 503])),
)
ENDS = st.sampled_from([None, LookupError])
READERS = st.tuples(
    st.sampled_from(["stays", "closes", "leaves", "resets", "never reads", "is shut down"]),
    st.integers(0, 4),
)


class Source:
    """A generator that follows a program.

    :ivar ran: how often it was entered and left.
    """

    def __init__(self, steps, failure_of_its_finally, sleep):
        self.ran = [0, 0]
        self._steps = steps
        self._failure = failure_of_its_finally
        self._sleep = sleep

    def generator(self):
        self.ran[0] += 1
        try:
            for act, what in self._steps:
                if act == "give":
                    yield what
                elif act == "give much":
                    yield "x" * what
                else:
                    self._act(act, what)
        finally:
            self.ran[1] += 1
            if self._failure is not None:
                raise self._failure("in its finally")

    def _act(self, act, what):
        if act == "abort":
            abort(what)
        elif act == "raise":
            raise what("on purpose")
        elif act == "wait":
            self._sleep(what)
        else:
            with contextlib.suppress(BaseException):
                self._sleep(what)


class Told:
    """Everything that an app was told of a stream."""

    def __init__(self, place):
        self.summaries, self.departures = [], []
        self._finished, self._departed = place.for_reader(), place.for_reader()

    def on_finish(self, summary):
        self.summaries.append(summary)
        self._finished.set()

    def on_disconnect(self, summary):
        self.departures.append(summary)
        self._departed.set()

    def reason(self):
        """Of the one summary, when all was told."""
        self._finished.wait()
        (summary,) = self.summaries
        if summary.reason == "disconnect":
            self._departed.wait()
        return summary.reason


@pytest.fixture(params=PLACES, ids=lambda place: place.name)
def where(request):
    return request.param


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@IN_TIME
@given(st.lists(STEPS, max_size=6), ENDS, OPTIONS, READERS)
def test_any_stream_ends_once_and_leaves_nothing(where, steps, failure, options, reader):
    asked = {name: value for name, value in options.items() if value is not None}
    where.run(lambda: run(where, steps, failure, asked, reader))


def run(place, steps, failure, options, reader):
    app, streams = Flask("any"), LLMStream()
    app.config["LLMSTREAM_WORKER"] = place.worker
    streams.init_app(app)
    source = Source(steps, failure, gevent.sleep if place is GREENLETS else time.sleep)
    told = Told(place)
    callbacks = {"on_finish": told.on_finish, "on_disconnect": told.on_disconnect}
    app.add_url_rule(
        "/", "view", lambda: streams.response(source.generator(), **options, **callbacks)
    )
    with Connection() as connection:
        answer = Answer(app, "/", connection.environ)
        taken, is_whole = read(answer, connection, streams, *reader)
        answer.close()
    if answer.status is None:
        assert (told.summaries, source.ran) == ([], [0, 0])
        return
    reason = told.reason()
    wait_for_worker_threads()
    own_ids = any(getattr(what, "id", None) for _, what in steps)
    check(answer, taken if is_whole else None, reason, own_ids, options)
    assert reason in REASONS
    assert len(told.summaries) == 1
    assert len(told.departures) == (reason == "disconnect")
    assert source.ran in ([1, 1], [0, 0])
    assert app.extensions["llmstream"].slots.taken == 0


def read(answer, connection, streams, how, blocks):
    """Read as this reader does; what was taken, and whether that was all."""
    if how == "never reads":
        return b"", False
    taken = b""
    for number, block in enumerate(iter(lambda: next_block(answer), None)):
        taken += block
        if number == blocks:
            if how == "closes":
                return taken, False
            act(how, connection, streams)
    return taken, True


def act(how, connection, streams):
    if how == "leaves":
        connection.client_closes()
    elif how == "resets":
        connection.client_resets()
    elif how == "is shut down":
        streams.drain(0)


def next_block(answer):
    try:
        return answer.block()
    except StopIteration:
        return None


def check(answer, whole, reason, own_ids, options):
    """Does what the reader got say how it ended?"""
    if whole is None or reason == "disconnect":
        return
    ends = whole.count(b'"ended":true')
    if answer.status != 200:
        assert reason in ("error", "timeout", "shutdown")
        assert whole.startswith(b'{"error":')
    elif reason == "shutdown" and "reconnect" in options:
        assert ends == 0, "it goes on when its reader comes back"
    elif reason == "shutdown" and own_ids:
        assert ends <= 1, "the same, once it has given one"
    elif options.get("format") != "text" or reason != "complete":
        assert ends == 1

"""``stream_finished`` is sent once for each stream, by the app that streamed it."""

from __future__ import annotations

import pytest

from flask_llmstream import stream_finished
from tests.support.answers import Answer


class Heard:
    """A receiver that waits for the signal."""

    def __init__(self, place):
        self.sent = []
        self._came = place.for_reader()

    def __call__(self, sender, summary):
        self.sent.append((sender, summary))
        self._came.set()

    def only_one(self):
        self._came.wait()
        (one,) = self.sent
        return one


@pytest.fixture
def heard(place):
    return Heard(place)


def serve_and_read(app, streams, source):
    app.add_url_rule("/", "view", lambda: streams.response(source))
    with Answer(app, "/") as answer:
        answer.rest()


def test_it_is_sent_once_with_the_summary(app, streams, heard):
    with stream_finished.connected_to(heard, app):
        serve_and_read(app, streams, ["one", "two"])
        sender, summary = heard.only_one()
    assert sender is app
    assert summary.reason == "complete"
    assert summary.items == 2


def test_it_is_sent_for_a_stream_that_failed(app, streams, heard):
    def source():
        yield "one"
        raise LookupError("gone")

    with stream_finished.connected_to(heard, app):
        serve_and_read(app, streams, source())
        _, summary = heard.only_one()
    assert summary.reason == "error"
    assert isinstance(summary.error, LookupError)


def test_it_is_not_sent_for_a_stream_that_never_ran(place, app, streams, heard):
    app.add_url_rule("/", "view", lambda: streams.response(["never"]))
    with stream_finished.connected_to(heard, app):
        Answer(app, "/", method="HEAD").close()
        Answer(app, "/").close()
    assert heard.sent == []


def test_another_app_does_not_hear_it(place, make_app, streams, heard):
    app, other = make_app(), make_app()
    others = []

    def hear_others(sender, summary):
        others.append(summary)

    with stream_finished.connected_to(heard, app):
        with stream_finished.connected_to(hear_others, other):
            serve_and_read(app, streams, ["one"])
            heard.only_one()
    assert others == []

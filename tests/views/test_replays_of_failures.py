"""A stream that is kept ends for the readers of its log, whatever goes wrong with it."""

from __future__ import annotations

import gc

import pytest

from flask_llmstream import EventStreamDecoder
from flask_llmstream.errors import StreamError
from flask_llmstream.formats import EventStreamFormat
from tests.support.answers import Answer


class Failing(EventStreamFormat):
    """A format of one's own. The methods of these names raise."""

    def __init__(self, *names):
        self._names = names

    def _may_fail(self, name):
        if name in self._names:
            raise LookupError(f"the {name} fails")

    def opening(self, comment, event_id):
        self._may_fail("opening")
        return super().opening(comment, event_id)

    def item(self, item):
        return f"data: {item}\n\n".encode()

    def ending(self, ending, event_id):
        self._may_fail("ending")
        return b"event: end\ndata: \n\n"

    def failure(self, failure, event_id):
        self._may_fail("failure")
        return super().failure(failure, event_id)


@pytest.fixture
def log_of(app, streams):
    """Read the log of the one stream that is kept, to its end."""
    app.add_url_rule("/log/<stream_id>", "log", lambda stream_id: streams.attach(stream_id))

    def log_of(stream_id):
        with Answer(app, f"/log/{stream_id}") as answer:
            return EventStreamDecoder().feed(answer.rest())

    return log_of


def test_an_opening_that_fails_is_the_end(place, serve, app, log_of, finished, caplog):
    serve(lambda: ["one"], format=Failing("opening"), reconnect="resume", on_finish=finished)
    with Answer(app, "/") as answer:
        answer.rest()
    summary = finished.summary()
    assert (summary.reason, str(summary.error)) == ("error", "the opening fails")
    assert [event.event for event in log_of(summary.id)] == ["error"]
    assert "a step of its end failed" not in caplog.text


@pytest.mark.parametrize("names", [("ending", "failure"), ("opening", "failure")])
def test_readers_of_the_log_are_told_what_the_format_has_no_words_for(
    place, serve, app, log_of, finished, names
):
    serve(lambda: ["one"], format=Failing(*names), reconnect="resume", on_finish=finished)
    with Answer(app, "/") as answer, pytest.raises(StreamError):
        answer.rest()
    stream_id = finished.summary().id
    last = log_of(stream_id)[-1]
    assert (last.event, last.id) == ("error", f"{stream_id}:ended")
    assert '"code":"internal"' in last.data


def test_an_emitter_without_a_response_is_over_for_its_log(place, app, streams, log_of):
    ended, summaries = place.for_reader(), []

    def ended_with(summary):
        summaries.append(summary)
        ended.set()

    @app.route("/")
    def view():
        emitter = streams.emitter(reconnect="resume")
        emitter.on_completion(ended_with)
        emitter.send("one")
        return "no stream today"

    app.test_client().get("/")
    gc.collect()
    ended.wait()
    (summary,) = summaries
    assert summary.reason == "cancelled"
    assert '"reason":"cancelled"' in log_of(summary.id)[-1].data

"""Nothing but the items, in the form that the request's ``Accept`` names."""

from __future__ import annotations

import json

import pytest

from flask_llmstream import ServerSentEvent, StreamError
from tests.answers import Answer
from tests.connections import Connection
from tests.places import wait_for_worker_threads


@pytest.fixture
def answer_to(app, streams):
    """The answer of one view to a request with this ``Accept``."""
    items = ["one ", {"two": 2}, ServerSentEvent("three", event="third")]
    app.add_url_rule("/", "view", lambda: streams.response(items, format="accept"))

    def answer_to(accept):
        with Answer(app, "/", headers={} if accept is None else {"Accept": accept}) as answer:
            answer.body = answer.rest()
        wait_for_worker_threads()
        return answer

    return answer_to


def test_an_event_stream_has_bare_data_lines(answer_to):
    answer = answer_to("text/event-stream")
    assert answer.headers["Content-Type"] == "text/event-stream; charset=utf-8"
    assert b'data: one \n\ndata: {"two":2}\n\nevent: third\ndata: three\n\n' in answer.body


def test_ndjson_has_a_line_of_json_an_item(answer_to):
    answer = answer_to("application/x-ndjson")
    assert answer.headers["Content-Type"] == "application/x-ndjson"
    assert answer.body == b'"one "\n{"two":2}\n"three"\n'


def test_plain_text_is_the_text_itself(answer_to):
    answer = answer_to("text/plain")
    assert answer.headers["Content-Type"] == "text/plain; charset=utf-8"
    assert answer.body == b'one {"two":2}three'


@pytest.mark.parametrize(
    "accept",
    [None, "*/*", "application/json", "image/png", "text/html,application/xml;q=0.9,*/*;q=0.8"],
)
def test_anything_else_gets_a_json_array(answer_to, accept):
    answer = answer_to(accept)
    assert answer.headers["Content-Type"] == "application/json"
    assert json.loads(answer.body) == ["one ", {"two": 2}, "three"]


def test_the_preference_counts(answer_to):
    answer = answer_to("application/x-ndjson;q=0.5, text/plain")
    assert answer.headers["Content-Type"] == "text/plain; charset=utf-8"


def test_a_cache_is_told_what_it_depends_on(answer_to):
    assert answer_to("text/plain").headers["Vary"] == "Accept"


def test_nothing_at_all_is_an_empty_array(app, streams):
    app.add_url_rule("/", "view", lambda: streams.response([], format="accept"))
    with Answer(app, "/") as answer:
        assert answer.rest() == b"[]"
    wait_for_worker_threads()


def failing():
    yield "one"
    raise StreamError("Out of credit.")


@pytest.mark.parametrize("accept", ["application/json", "application/x-ndjson", "text/plain"])
def test_what_was_cut_short_has_its_connection_cut(place, app, streams, accept):
    app.add_url_rule("/", "view", lambda: streams.response(failing(), format="accept"))
    headers = {"Accept": accept}
    with Connection() as connection, Answer(
        app, "/", connection.environ, headers=headers
    ) as answer:
        assert not answer.rest().endswith(b"]")
        assert connection.client.recv(1) == b""
    wait_for_worker_threads()


def test_where_a_server_hides_its_client_an_exception_ends_the_connection(app, streams):
    app.add_url_rule("/", "view", lambda: streams.response(failing(), format="accept"))
    with Answer(app, "/", headers={"Accept": "text/plain"}) as answer:
        with pytest.raises(StreamError):
            answer.rest()
    wait_for_worker_threads()

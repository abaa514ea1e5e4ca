"""The formats that ``Accept`` chooses send nothing but the items."""

from __future__ import annotations

import json
import socket

import pytest

from flask_llmstream import ServerSentEvent, StreamError
from tests.support.answers import Answer
from tests.support.connections import Connection
from tests.support.runtimes import wait_for_worker_threads
from tests.support.sources import Waiting


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


@pytest.fixture
def waiting_source(place):
    source = Waiting(place)
    yield source
    source.go_on.set()


def failing():
    yield "one"
    raise StreamError("Out of credit.")


@pytest.mark.parametrize("accept", ["application/json", "application/x-ndjson", "text/plain"])
def test_what_was_cut_short_has_its_connection_reset(place, app, streams, accept):
    app.add_url_rule("/", "view", lambda: streams.response(failing(), format="accept"))
    headers = {"Accept": accept}
    with Connection() as connection, Answer(
        app, "/", connection.environ, headers=headers
    ) as answer:
        assert not answer.rest().endswith(b"]")
        with pytest.raises(ConnectionResetError):
            connection.client.recv(1)
    wait_for_worker_threads()


@pytest.mark.parametrize("format", ["message", "text", "ndjson", "accept"])
def test_a_reader_who_has_closed_the_sending_side_has_no_end(
    place, app, streams, waiting_source, format
):
    app.add_url_rule("/", "view", lambda: streams.response(waiting_source, format=format))
    with Connection() as connection, Answer(app, "/", connection.environ) as answer:
        answer.block()
        connection.client.shutdown(socket.SHUT_WR)
        last = answer.rest()
        assert b'"ended":true' not in last and b":ended" not in last
        with pytest.raises(ConnectionResetError):
            connection.client.recv(1)
    waiting_source.go_on.set()
    wait_for_worker_threads()


def test_a_last_block_that_can_not_be_written_is_cut(place, app, streams):
    """Its server may be killed while it writes that block."""
    app.add_url_rule("/", "view", lambda: streams.response(iter(["one"]), format="plain"))
    with Connection() as connection:
        with Answer(app, "/", connection.environ) as answer:
            assert answer.block() == b"one"
        with pytest.raises(ConnectionResetError):
            connection.client.recv(1)
    wait_for_worker_threads()


@pytest.mark.parametrize("accept", ["application/x-ndjson", "text/plain"])
def test_what_is_closed_before_its_end_is_cut(place, app, streams, waiting_source, accept):
    app.add_url_rule("/", "view", lambda: streams.response(waiting_source, format="accept"))
    headers = {"Accept": accept}
    with Connection() as connection:
        with Answer(app, "/", connection.environ, headers=headers) as answer:
            answer.block()
        with pytest.raises(ConnectionResetError):
            connection.client.recv(1)
    waiting_source.go_on.set()
    wait_for_worker_threads()


@pytest.mark.parametrize("accept", ["application/json", "application/x-ndjson", "text/plain"])
def test_behind_its_end_a_connection_is_as_it_was(place, app, streams, accept):
    app.add_url_rule("/", "view", lambda: streams.response(["one"], format="accept"))
    headers = {"Accept": accept}
    with Connection() as connection:
        with Answer(app, "/", connection.environ, headers=headers) as answer:
            answer.rest()
        connection.server.sendall(b"the next")
        connection.server.close()
        assert connection.client.recv(8, socket.MSG_WAITALL) == b"the next"
        assert connection.client.recv(1) == b""
    wait_for_worker_threads()


def test_a_failure_that_has_a_status_is_sent_whole(place, app, streams):
    def source():
        raise StreamError("Out of credit.", status=402)
        yield

    app.add_url_rule("/", "view", lambda: streams.response(source(), format="accept", hold=5))
    headers = {"Accept": "text/plain"}
    with Connection() as connection:
        with Answer(app, "/", connection.environ, headers=headers) as answer:
            assert answer.json["error"]["message"] == "Out of credit."
        connection.server.close()
        assert connection.client.recv(1) == b""
    wait_for_worker_threads()


def test_behind_a_wrapper_that_has_sent_the_status_a_failure_ends_the_connection(app, streams):
    def source():
        raise StreamError("Out of credit.")
        yield

    @app.after_request
    def wrap(response):
        response.response = (block for block in response.response)
        return response

    app.add_url_rule("/", "view", lambda: streams.response(source(), format="accept", hold=5))
    with Answer(app, "/", headers={"Accept": "text/plain"}) as answer:
        with pytest.raises(StreamError):
            answer.rest()
    wait_for_worker_threads()


def test_where_a_server_hides_its_client_an_exception_ends_the_connection(app, streams):
    app.add_url_rule("/", "view", lambda: streams.response(failing(), format="accept"))
    with Answer(app, "/", headers={"Accept": "text/plain"}) as answer:
        with pytest.raises(StreamError):
            answer.rest()
    wait_for_worker_threads()

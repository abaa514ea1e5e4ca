"""A stream reader reads a test client's response by steps, leaves it, and comes back to it."""

from __future__ import annotations

import pytest
from flask import Flask, Response, request
from werkzeug.test import Client
from werkzeug.wrappers import Response as WerkzeugResponse

from flask_llmstream import (
    EventStreamMiddleware,
    LLMStream,
    NotAnEventStream,
    ProviderError,
    ServerFailure,
    ServerSentEvent,
    StreamTruncated,
    Usage,
)
from flask_llmstream.testing import Pause, ScriptedProvider, StreamReader, read

COMPLETIONS = "/v1/chat/completions"
MESSAGES = {"messages": [{"role": "user", "content": "Hello"}]}


class Site:
    """An app with the chat endpoints for one model, and its test client."""

    def __init__(self, *script, **config):
        self.app = Flask("a_site")
        self.app.config.update(SECRET_KEY="of no use", LLMSTREAM_CHAT_HOLD=0, **config)
        self.model = ScriptedProvider(*script)
        LLMStream(self.app, providers={"scripted": self.model})
        self.client = self.app.test_client()

    def ask(self, query="", **body):
        return self.client.post(COMPLETIONS + query, json=body or {"prompt": "Hello"})


def kept_site(*script):
    return Site(*script, LLMSTREAM_RECONNECT="resume")


def answering(*blocks, buffered=False, **options):
    """The response of a plain view, whose body has these blocks."""
    app = Flask("a_plain_site")
    options = {"mimetype": "text/event-stream", **options}
    app.add_url_rule("/", "view", lambda: Response(list(blocks), **options))
    return app.test_client().get("/", buffered=buffered)


# Reading.


def test_each_event_is_there_before_the_next_one_is_made():
    pauses = [Pause(), Pause()]
    reader = StreamReader(Site("one", pauses[0], "two", pauses[1]).ask())
    for word, pause in zip(["one", "onetwo"], pauses):
        next(reader)
        assert reader.text_so_far == word
        assert reader.ending is None
        pause.end()
    assert reader.text() == "onetwo"


@pytest.mark.parametrize(
    "query, body",
    [
        ("?format=message", {"prompt": "Hello"}),
        ("?format=text", {"prompt": "Hello"}),
        ("?format=ndjson", {"prompt": "Hello"}),
        ("", {**MESSAGES, "stream": True}),
        ("", MESSAGES),
    ],
    ids=["message", "text", "ndjson", "chunks", "JSON"],
)
def test_it_reads_the_text_of_each_form_that_a_client_reads(query, body):
    reader = read(Site("Hello", " world").ask(query, **body))
    assert reader.text() == "Hello world"
    assert reader.ending.reason == "complete"
    assert reader.failure is None


def test_the_ending_has_the_usage():
    assert read(Site("Hello", Usage(3, 2)).ask()).ending.usage["completion_tokens"] == 2


def test_the_ending_of_an_answer_cut_short_says_so():
    assert read(Site("Hello", Usage(3, 2, "length")).ask()).ending.reason == "length"


def test_the_events_are_all_from_the_first_one_on():
    reader = StreamReader(Site("one", "two").ask())
    first = next(reader)
    assert [event.event for event in reader.events()] == ["message"] * 3
    assert reader.events()[0] == first
    assert list(reader) == []


def test_halves_of_a_character_are_joined():
    first = b'data: {"ended":false,"message":"\\ud83d"}\n\n'
    second = b'data: {"ended":true,"message":"\\ude00"}\n\n'
    assert read(answering(first + second)).text() == "\U0001f600"


def test_text_without_a_form_is_read_and_tells_no_end():
    reader = read(answering(b"data: Hello\n\ndata: world\n\n"))
    assert reader.text() == "Helloworld"
    assert reader.ending is None


def test_a_stream_of_another_form_has_events_and_no_text():
    reader = read(Site("Hello").ask("?format=ag-ui"))
    assert len(reader.events()) > 2
    with pytest.raises(StreamTruncated, match=r"None of the \d+ events was text") as caught:
        reader.text()
    assert caught.value.code == "no_answer"


def test_a_response_that_was_read_before_is_read_as_well():
    response = Site("Hello").ask()
    assert b"Hello" in response.data
    assert read(response).text() == "Hello"


def test_it_reads_the_test_client_of_werkzeug():
    site = Response("data: Hello\n\n", mimetype="text/event-stream")
    client = Client(EventStreamMiddleware(site), WerkzeugResponse)
    assert read(client.get("/")).text() == "Hello"


@pytest.mark.parametrize("kind", ["opened", "message"])
def test_the_event_that_opens_a_stream_is_not_given_and_an_event_of_that_name_is(kind):
    app = Flask("a_site")
    streams = LLMStream(app)
    source = [ServerSentEvent(text, event=kind) for text in ("Hello", "world")]
    app.add_url_rule("/", "view", lambda: streams.response(source, format="text"))
    events = read(app.test_client().get("/")).events()
    assert [event.event for event in events] == [kind, kind, "ended"]


# Failures.


def test_a_failure_before_the_first_event_is_raised_with_its_status():
    site = Site(ProviderError("The model is busy.", status=503, retry_after=7))
    site.app.config["LLMSTREAM_CHAT_HOLD"] = 5
    with pytest.raises(ServerFailure, match="^The model is busy.$") as caught:
        StreamReader(site.client.post("/v1/completions", json={"prompt": "Hello", "stream": False}))
    failure = caught.value
    assert (failure.status, failure.code, failure.retry_after) == (503, "provider_error", 7)


def test_a_failure_within_the_stream_is_raised_by_text_alone():
    reader = read(Site("Hel", ProviderError("The model has gone.")).ask())
    assert reader.text_so_far == "Hel"
    assert reader.ending is None
    assert reader.events()[-1].event == "error"
    with pytest.raises(ServerFailure, match="^The model has gone.$"):
        reader.text()


def test_an_error_behind_which_nothing_comes_is_the_failure():
    delta, error = b'data: {"ended":false,"message":"Hel"}\n\n', b"event: error\ndata: Sorry.\n\n"
    reader = StreamReader(answering(delta, error))
    assert [next(reader).event for _ in range(2)] == ["message", "error"]
    assert reader.failure is None  # the answer may go on, as behind a warning
    assert list(reader) == []
    assert str(reader.failure) == "Sorry."


@pytest.mark.parametrize(
    "body", [b'data: {"ended":false,"message":"Hel"}\n\n', b"data: Hello\n\ndata: wor"]
)
def test_a_stream_that_is_cut_is_no_answer(body):
    reader = read(answering(body))
    assert reader.ending is None
    with pytest.raises(StreamTruncated, match="ended before its answer was complete"):
        reader.text()


@pytest.mark.parametrize("body", [b"<h1>Hello</h1>", b""])
def test_a_page_is_no_stream(body):
    with pytest.raises(NotAnEventStream, match="its type is 'text/html'"):
        StreamReader(answering(body, mimetype="text/html"))


@pytest.mark.parametrize("response", [None, b"data: Hello", Client(answering)])
def test_anything_else_is_no_response(response):
    with pytest.raises(TypeError, match="^response: has to be a test client's response, not "):
        StreamReader(response)


# Leaving.


def test_a_reader_who_leaves_ends_the_model():
    site = Site("one", Pause(), "two")
    reader = StreamReader(site.ask())
    next(reader)
    reader.leave()
    site.model.left.wait()
    assert list(reader) == []
    with pytest.raises(StreamTruncated, match="^The reader has left before the end"):
        reader.text()


@pytest.mark.parametrize("buffered", [False, True])
def test_events_that_wait_are_lost_to_a_reader_who_leaves(buffered):
    blocks = b"data: one\n\ndata: two\n\n", b"data: three\n\n"
    reader = StreamReader(answering(*blocks, buffered=buffered))
    assert next(reader).data == "one"
    reader.leave()
    assert [event.data for event in reader.events()] == ["one"]


def test_to_leave_at_the_end_changes_nothing():
    with read(Site("Hello").ask()) as reader:
        reader.leave()
    assert reader.text() == "Hello"


# Coming back.


@pytest.mark.parametrize("count", range(5))
def test_a_reader_who_comes_back_has_the_whole_text_once(count):
    site = kept_site("one ", "two ", "three")
    reader = StreamReader(site.ask())
    assert len(reader.drop_after(count)) == count
    reader.resume(site.client, f"/v1/chat/streams/{reader.stream_id}")
    assert reader.text() == "one two three"
    assert len(site.model.requests) == 1
    assert len({event.id for event in reader.events()}) == len(reader.events()) == 4


def test_the_model_goes_on_while_the_reader_is_away():
    pause = Pause()
    site = kept_site("one ", pause, "two")
    reader = StreamReader(site.ask())
    reader.drop_after(1)
    pause.end()
    site.model.finished.wait()
    reader.resume(site.client, f"/v1/chat/streams/{reader.stream_id}")
    assert (reader.text(), reader.ending.reason) == ("one two", "complete")


def test_a_view_is_resumed_at_its_own_path():
    app = Flask("a_site")
    app.secret_key = "of no use"
    streams = LLMStream(app)
    app.add_url_rule("/", "view", lambda: streams.response(["one", "two"], reconnect="resume"))
    client = app.test_client()
    reader = StreamReader(client.get("/"))
    reader.drop_after(1)
    reader.resume(client, "/")
    assert reader.text() == "onetwo"


def test_a_view_of_another_making_is_resumed_and_its_last_id_stays():
    app, rest = Flask("a_plain_site"), {None: "id: 7\ndata: one\n\n", "7": "data: two\n\n"}

    def view():
        return Response(rest[request.headers.get("Last-Event-ID")], mimetype="text/event-stream")

    app.add_url_rule("/", "view", view)
    reader = read(app.test_client().get("/"))
    for _ in range(2):
        reader.resume(app.test_client(), "/")
        assert (next(reader).data, reader.last_event_id) == ("two", "7")
    assert reader.text() == "onetwotwo"


def test_a_reader_who_has_all_gets_nothing_more():
    site = kept_site("Hello")
    reader = read(site.ask())
    events = reader.events()
    reader.resume(site.client, f"/v1/chat/streams/{reader.stream_id}")
    assert reader.response.status_code == 204
    assert (reader.events(), reader.text(), reader.ending.reason) == (events, "Hello", "complete")


def test_a_stream_that_is_gone_can_not_be_resumed():
    reader = StreamReader(kept_site("one", "two").ask())
    reader.drop_after(1)
    with pytest.raises(ServerFailure) as caught:
        reader.resume(kept_site().client, f"/v1/chat/streams/{'0' * 32}")
    assert caught.value.status == 404
    assert reader.text_so_far == "one"


def test_the_request_that_comes_back_has_the_test_s_own_headers_too():
    site = Site(
        "one",
        "two",
        LLMSTREAM_RECONNECT="resume",
        LLMSTREAM_OWNER=lambda request: request.headers.get("X-User"),
    )
    headers = {"X-User": "ada"}
    reader = StreamReader(
        site.client.post(COMPLETIONS, json={"prompt": "Hello"}, headers=headers)
    )
    reader.drop_after(1)
    path = f"/v1/chat/streams/{reader.stream_id}"
    with pytest.raises(ServerFailure) as caught:
        reader.resume(site.client, path)
    assert caught.value.code == "unknown_stream"
    reader.resume(site.client, path, headers=headers)
    assert reader.text() == "onetwo"


@pytest.mark.parametrize("count", [-1, None, "1"])
def test_a_count_that_is_none_is_refused(count):
    with pytest.raises(ValueError, match="^count: has to be a number from 0"):
        read(Site().ask()).drop_after(count)


def test_a_stream_that_ends_before_it_drops_is_an_error():
    with pytest.raises(ValueError, match="^count: the stream had only 2 events more$"):
        StreamReader(Site("Hello").ask()).drop_after(3)

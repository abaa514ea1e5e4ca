"""``format="plain"``: just the words, for a reader that asks for them or can take nothing else."""

from __future__ import annotations

import pytest

from flask_llmstream import CallableProvider, Delta, LLMStream, ServerSentEvent
from flask_llmstream.formats import EventStreamFormat, RawFormat
from tests.support.answers import Answer
from tests.support.runtimes import wait_for_worker_threads

THOUGHT = Delta(reasoning="hm")
ITEMS = ["one ", THOUGHT, Delta("two ", refusal="no"), {"three": 3}, ServerSentEvent()]
PLAIN = "text/plain; charset=utf-8"
CHATS = [("POST", "/v1/chat/completions"), ("GET", "/v1/chat/stream")]


class Own(EventStreamFormat):
    def item(self, item):
        return b"data: mine\n\n"

    ending = failure = lambda self, how, event_id: b""


@pytest.fixture
def streams():
    return LLMStream(providers={"model": CallableProvider(lambda request: ["Hi ", "there"])})


def ask(app, path="/", **request):
    with Answer(app, path, **request) as answer:
        answer.body = answer.rest()
    wait_for_worker_threads()
    return answer


def test_it_is_just_the_words(app, serve):
    serve(lambda: ITEMS, format="plain")
    answer = ask(app)
    assert answer.headers["Content-Type"] == PLAIN
    assert answer.body == b'one two no{"three":3}'
    assert "Vary" not in answer.headers


@pytest.mark.parametrize("format", ["message", "text", "ndjson"])
@pytest.mark.parametrize("accept", ["text/plain", "TEXT/Plain;charset=utf-8", "text/plain,image/*"])
def test_a_reader_that_takes_only_text_gets_it(app, serve, format, accept):
    serve(lambda: ITEMS, format=format)
    answer = ask(app, headers={"Accept": accept})
    assert answer.headers["Content-Type"] == PLAIN
    assert answer.body == b'one two no{"three":3}'
    assert answer.headers["Vary"] == "Accept"


@pytest.mark.parametrize(
    "accept",
    [
        None,
        "",
        "*/*",
        "text/plain, */*",
        "text/plain, */*;q=0.1",
        "text/plain, text/*",
        "text/plain;q=0",
        "text/plain, text/event-stream",
        "application/json, text/plain",
        "application/x-ndjson;q=0.5, text/plain",
        "text/html",
    ],
)
def test_one_that_takes_more_gets_what_was_chosen(app, serve, accept):
    serve(lambda: ["one"], format="ndjson")
    answer = ask(app, headers={} if accept is None else {"Accept": accept})
    assert answer.headers["Content-Type"] == "application/x-ndjson"
    assert answer.headers["Vary"] == "Accept"


@pytest.mark.parametrize(
    "format, items", [(lambda event: Own(), ["one"]), (RawFormat, [b"data: mine\n\n"])]
)
def test_a_format_with_items_of_its_own_stays(app, serve, format, items):
    serve(lambda: items, format=format)
    answer = ask(app, headers={"Accept": "text/plain"})
    assert b"data: mine\n\n" in answer.body
    assert "Vary" not in answer.headers


@pytest.mark.parametrize("method, path", CHATS)
@pytest.mark.parametrize("query", ["", "format=plain", "format=openai", "format=ndjson"])
def test_the_chat_endpoints_have_it_too(app, method, path, query):
    question = {"json": {"prompt": "Hi"}} if method == "POST" else {}
    query += "" if method == "POST" else "&prompt=Hi"
    headers = {"Accept": "text/plain"}
    answer = ask(app, path, method=method, headers=headers, query_string=query, **question)
    assert (answer.status, answer.headers["Content-Type"]) == (200, PLAIN)
    assert answer.body == b"Hi there"


@pytest.mark.parametrize("method, path", CHATS)
def test_it_can_be_asked_for_by_its_name(app, method, path):
    question = {"json": {"prompt": "Hi"}} if method == "POST" else {}
    query = "format=plain" if method == "POST" else "format=plain&prompt=Hi"
    answer = ask(app, path, method=method, query_string=query, **question)
    assert (answer.headers["Content-Type"], answer.body) == (PLAIN, b"Hi there")


def test_openai_s_clients_that_take_only_text_get_it(app):
    messages = [{"role": "user", "content": "Hi"}]
    for stream in (True, False):
        question = {"messages": messages, "stream": stream}
        answer = ask(
            app, CHATS[0][1], method="POST", headers={"Accept": "text/plain"}, json=question
        )
        assert (answer.headers["Content-Type"], answer.body) == (PLAIN, b"Hi there")

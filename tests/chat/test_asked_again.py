"""A model's server that is asked again, seen by the client and by the stream's timers."""

from __future__ import annotations

import json

import pytest

from flask_llmstream import CompletionRequest, LLMStream, OpenAICompatible
from tests.providers.waiting import retry_told
from tests.support.answers import Answer
from tests.support.upstream import Upstream, answer, tokens

CHAT = {"messages": [{"role": "user", "content": "Hello"}]}
QUESTION = CompletionRequest(prompt="Hello")


@pytest.fixture
def asked(make_app):
    """Ask the chat endpoint of an application whose model is this server."""

    def ask(url):
        app = make_app(LLMStream(providers={"model": OpenAICompatible(url)}))
        with Answer(app, "/v1/chat/completions", method="POST", json=CHAT) as given:
            given.body = given.rest()
        return given

    return ask


@pytest.fixture
def waiting(make_app, streams):
    """An answer whose server wants to be asked again much later, in its wait."""

    def begin(url, **options):
        model = OpenAICompatible(url, retry_within=5000)
        app = make_app(streams)
        app.add_url_rule("/", "ask", lambda: streams.response(model.stream(QUESTION), **options))
        return Answer(app, "/")

    return begin


def test_a_client_sees_no_failure_that_passed(place, asked):
    busy, fine = answer(503), tokens("Bonjour")
    with Upstream(lambda exchange: (fine if upstream.requests[1:] else busy)(exchange)) as upstream:
        given = asked(upstream.url)
        assert len(upstream.requests) == 2
    assert given.status == 200
    assert json.loads(given.body)["choices"][0]["message"]["content"] == "Bonjour"


def test_a_client_is_told_at_once_when_the_server_wants_to_be_asked_later(place, asked):
    with Upstream(answer(503, retry_after="30")) as upstream:
        given = asked(upstream.url)
        assert len(upstream.requests) == 1
    assert (given.status, given.headers["Retry-After"]) == (503, "30")


def test_the_wait_counts_for_the_first_event(place, waiting):
    with Upstream(answer(503, retry_after="1000")) as upstream:
        with waiting(upstream.url, first_event_timeout=0.05, hold=60, heartbeat=0) as given:
            body = given.rest()
        assert len(upstream.requests) == 1
    assert given.status == 504
    assert json.loads(body)["error"]["code"] == "timeout"


def test_a_reader_who_leaves_ends_the_wait_in_which_comments_go_on(place, waiting):
    with Upstream(answer(503, retry_after="1000")) as upstream, retry_told() as told:
        with waiting(upstream.url, heartbeat=0.01) as given:
            while not told.is_set():
                assert given.block().startswith(b":")
        assert len(upstream.requests) == 1

"""A response that one worker makes is found by another, where they share a Redis."""

from __future__ import annotations

import json
import threading
import uuid

import pytest
from flask import Flask

from flask_llmstream import CallableProvider, LLMStream
from flask_llmstream.formats.responses import failed_behind
from tests.support.answers import Answer
from tests.support.redis_servers import redis_server
from tests.support.runtimes import HANG_GUARD

PATH, UI = "/v1/responses", "/v1/chat/ui"
CHAT = "chat-0123456789abcdef"


@pytest.fixture(scope="module")
def server():
    with redis_server() as server:
        yield server


class Workers:
    """Two applications as of two processes: each has a storage of its own.

    :ivar asked: the messages that the model got.
    """

    def __init__(self, url):
        self.go, self.asked = threading.Event(), []
        self.prefix = uuid.uuid4().hex
        self.here, self.there = self.worker(url), self.worker(url)

    def worker(self, url):
        app = Flask("worker")
        app.config.update(
            LLMSTREAM_RECONNECT="resume",
            LLMSTREAM_REPLAY_URL=url,
            LLMSTREAM_REPLAY_PREFIX=self.prefix,
        )
        LLMStream(app, providers={"gemma": CallableProvider(self.model)})
        return app

    def model(self, request):
        self.asked.append(list(request.messages))
        yield "Hello"
        self.go.wait(HANG_GUARD)
        yield ", world"

    def close(self):
        self.go.set()
        for app in (self.here, self.there):
            app.extensions["llmstream"].replay.close()


@pytest.fixture
def workers(server):
    workers = Workers(server.url)
    yield workers
    workers.close()


def ask(app, path, method="GET", **fields):
    with Answer(app, path, method=method, json=fields or None) as answer:
        return json.loads(answer.rest())


def test_it_is_retrieved_cancelled_and_gone_on_from(workers):
    begun = ask(workers.here, PATH, "POST", input="Hi", background=True)
    one = f"{PATH}/{begun['id']}"
    assert ask(workers.there, one) == begun
    cancelled = ask(workers.there, f"{one}/cancel", "POST")
    assert (cancelled["status"], cancelled["output"][0]["content"][0]["text"]) == (
        *("cancelled", "Hello"),
    )
    assert ask(workers.here, one) == cancelled
    workers.go.set()
    ask(workers.there, PATH, "POST", input="And?", previous_response_id=begun["id"])
    assert [message["content"] for message in workers.asked[-1]] == ["Hi", "Hello", "And?"]


def test_its_events_are_the_same_behind_each_of_them(workers):
    begun = ask(workers.here, PATH, "POST", input="Hi", background=True)
    path = f"{PATH}/{begun['id']}?stream=true"
    with Answer(workers.there, path) as answer:
        workers.go.set()
        whole = answer.rest()
    assert whole.count(b"\nid: ") > 8
    for number in range(whole.count(b"\nid: ")):
        with Answer(workers.there, f"{path}&starting_after={number}") as answer:
            rest = answer.rest().replace(b": \n", b"")
        assert whole.endswith(rest) and whole.count(b"\nid: ") - rest.count(b"\nid: ") == number + 1


def test_a_deleted_one_is_gone_on_both(workers):
    workers.go.set()
    made = ask(workers.here, PATH, "POST", input="Hi")
    assert ask(workers.there, f"{PATH}/{made['id']}", "DELETE")["deleted"]
    for app in (workers.here, workers.there):
        assert "error" in ask(app, f"{PATH}/{made['id']}")


def test_a_page_comes_back_to_another_worker(workers):
    parts = [{"type": "text", "text": "Hi"}]
    body = {"id": CHAT, "messages": [{"id": "1", "role": "user", "parts": parts}]}
    with Answer(workers.here, UI, method="POST", json=body) as first:
        first.block()
        with Answer(workers.there, f"{UI}/{CHAT}/stream") as second:
            workers.go.set()
            assert b'", world"' in second.rest()
        first.rest()
    for app in (workers.here, workers.there):
        answer = app.test_client().get(f"{UI}/{CHAT}/stream")
        assert answer.status_code == 204


def test_the_end_of_a_lost_producer_has_the_numbers_that_follow():
    lost = (
        b'event: error\ndata: {"message":"Lost","sequence_number":2}\nid: s:end.1\n\n'
        b'event: response.failed\ndata: {"response":{},"sequence_number":3}\nid: s:ended\n\n'
    )
    told = failed_behind(lost, 7)
    assert told == lost.replace(b":2}", b":8}").replace(b":3}", b":9}")

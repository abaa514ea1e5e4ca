"""``/v1/chat/ui/<chat>/stream``: a page of ``useChat`` comes back to the answer of its chat."""

from __future__ import annotations

import threading

import pytest
from flask import Flask

from flask_llmstream import CallableProvider, LLMStream
from tests.support.answers import Answer
from tests.support.runtimes import HANG_GUARD

UI = "/v1/chat/ui"
CHAT = "chat-0123456789abcdef"


class Chats:
    """An app whose model says a word, and the rest once it may go on."""

    def __init__(self, **config):
        self.go, self.began = threading.Event(), threading.Semaphore(0)
        self.app = Flask("chats")
        self.app.config.update({"LLMSTREAM_RECONNECT": "resume", **config})
        LLMStream(self.app, providers={"gemma": CallableProvider(self.model)})

    def model(self, request):
        self.began.release()
        yield request.messages[-1]["content"]
        self.go.wait(HANG_GUARD)
        yield " more"

    def ask(self, chat=CHAT, text="Hi", headers=()):
        """The answer to a page, which has had its first word."""
        parts = [{"type": "text", "text": text}]
        body = {"id": chat, "messages": [{"id": "1", "role": "user", "parts": parts}]}
        answer = Answer(self.app, UI, method="POST", json=body, headers=dict(headers))
        answer.read = b""
        while b'"delta":' not in answer.read:
            answer.read += answer.block()
        return answer

    def status(self, chat=CHAT, method="GET", headers=()):
        """The status of a page that comes back, or stops the answer."""
        client = self.app.test_client()
        answer = client.open(f"{UI}/{chat}/stream", method=method, headers=dict(headers))
        answer.close()
        return answer.status_code

    def come_back(self, chat=CHAT, headers=()):
        return Answer(self.app, f"{UI}/{chat}/stream", headers=dict(headers))


@pytest.fixture
def chats():
    chats = Chats()
    yield chats
    chats.go.set()


def test_a_page_gets_the_answer_from_its_start_and_live(chats):
    with chats.ask() as first, chats.come_back() as second:
        assert second.status is None
        read = second.block()
        while b'"delta":"Hi"' not in read:
            read += second.block()
        chats.go.set()
        whole = first.read + first.rest()
        assert read.replace(b": \n", b"") + second.rest() == whole.replace(b": \n", b"")
        assert second.status == 200
        assert second.headers["x-vercel-ai-ui-message-stream"] == "v1"
        assert second.headers["X-Stream-ID"] == first.headers["X-Stream-ID"]


def test_it_is_there_when_the_first_page_has_left(chats):
    chats.ask().close()
    with chats.come_back() as second:
        chats.go.set()
        assert b'" more"' in second.rest()


def test_an_answer_that_has_ended_is_204(chats):
    chats.go.set()
    with chats.ask() as first:
        first.rest()
    assert chats.status() == 204


@pytest.mark.parametrize("chat", ["a-chat-that-never-was", "x", "a/b/c", "%00", "é" * 300])
def test_a_chat_without_an_answer_is_204(chats, chat):
    assert (chats.status(chat), chats.status(chat, "DELETE")) == (204, 204)


def test_of_several_answers_the_newest_is_found(chats):
    with chats.ask(text="old"), chats.ask(text="new") as new, chats.come_back() as second:
        chats.go.set()
        assert second.rest().count(b'"delta":"new"') == 1
        assert second.headers["X-Stream-ID"] == new.headers["X-Stream-ID"]


def test_a_stop_ends_the_answer_for_all_its_pages(chats):
    with chats.ask() as first, chats.come_back() as second:
        second.block()
        assert chats.status(method="DELETE") == 204
        assert b'"type":"abort"' in first.rest()
        assert b'"type":"abort"' in second.rest()
        assert chats.status() == 204
        assert chats.status(method="DELETE") == 204


def test_a_short_name_that_nobody_owns_can_be_guessed_and_finds_nothing(chats):
    with chats.ask("chat-1") as first:
        assert chats.status("chat-1") == 204
        chats.go.set()
        first.rest()


@pytest.mark.parametrize("chat", [None, "", 7, ["x"], {"a": 1}])
def test_a_chat_may_have_no_name(chats, chat):
    chats.go.set()
    with chats.ask(chat) as first:
        assert b'" more"' in first.read + first.rest()


def test_any_text_can_be_a_name(chats):
    name = "a chat/mit Ümläuten 🚀"
    with chats.ask(name), chats.come_back(name) as second:
        chats.go.set()
        assert b'" more"' in second.rest()


def test_another_s_answer_is_204():
    chats = Chats(LLMSTREAM_OWNER=lambda request: request.headers.get("X-User"))
    ada, eve = {"X-User": "ada"}, {"X-User": "eve"}
    with chats.ask("1", headers=ada) as first:
        for other in (eve, {}):
            assert chats.status("1", headers=other) == 204
            assert chats.status("1", "DELETE", headers=other) == 204
        with chats.come_back("1", headers=ada) as second:
            chats.go.set()
            assert b'" more"' in second.rest()
        first.rest()


def test_one_name_of_two_owners_is_two_chats():
    chats = Chats(LLMSTREAM_OWNER=lambda request: request.headers.get("X-User"))
    ada, eve = {"X-User": "ada"}, {"X-User": "eve"}
    with chats.ask("1", "ada's", headers=ada), chats.ask("1", "eve's", headers=eve):
        with chats.come_back("1", headers=ada) as second:
            chats.go.set()
            assert b'"delta":"ada\'s"' in second.rest()


def test_without_a_log_there_is_nothing_to_come_back_to():
    chats = Chats(LLMSTREAM_RECONNECT="refuse")
    assert (chats.status(), chats.status(method="DELETE")) == (404, 404)


def test_a_page_of_another_site_is_refused(chats):
    other = {"Sec-Fetch-Site": "cross-site", "Origin": "https://example.org"}
    assert chats.status(headers=other) == 403
    assert chats.status(method="DELETE", headers=other) == 403

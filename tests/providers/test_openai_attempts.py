"""A server that refuses ``stream_options`` is asked again without them, once, and that is
remembered."""

from __future__ import annotations

import json
import threading

import pytest

from flask_llmstream.errors import ProviderError
from flask_llmstream.providers import OpenAICompatible
from tests.providers.asking import CHAT, ask, code_at_abort, failure
from tests.support.upstream import (
    Upstream,
    answer,
    chat_delta,
    events,
    open_descriptors,
    tokens,
)

EXTRA = {"type": "extra_forbidden", "loc": ["body", "stream_options"], "msg": "Extra inputs"}
REFUSALS = [
    answer(422, json.dumps({"object": "error", "message": {"detail": [EXTRA]}})),
    answer(422, json.dumps({"detail": [EXTRA]})),
    answer(400, json.dumps({"error": {"message": "Unknown parameter: 'stream_options'."}})),
    answer(400, "stream_options is not supported"),
    answer(500, json.dumps({"error": "create() got an unexpected argument 'stream_options'"})),
    events({"error": {"message": "stream_options: unknown", "code": 400}}),
]


def strict(refusal, then=tokens("Bonjour")):
    """A server that answers only requests without the member."""

    def script(exchange):
        (refusal if "stream_options" in exchange.json else then)(exchange)

    return script


def members(upstream):
    return ["stream_options" in exchange.json for exchange in upstream.requests]


@pytest.mark.parametrize("refusal", REFUSALS)
def test_it_is_asked_again_without_them_and_that_is_remembered(refusal):
    with Upstream(strict(refusal)) as upstream:
        provider = OpenAICompatible(upstream.url)
        assert ask(provider, CHAT)[0] == "Bonjour"
        assert ask(provider, CHAT)[0] == "Bonjour"
        assert members(upstream) == [True, False, False]
        bodies = [exchange.json for exchange in upstream.requests]
    assert bodies[0].pop("stream_options") == {"include_usage": True}
    assert bodies[0] == bodies[1] == bodies[2]


@pytest.mark.parametrize(
    "refusal",
    [
        answer(400, '{"error": {"message": "max_tokens is too large"}}'),
        answer(429, "too many"),
        answer(422, json.dumps({"detail": [{**EXTRA, "loc": ["body", "seed"], "input": EXTRA}]})),
    ],
)
def test_another_refusal_is_final(refusal):
    with Upstream(strict(refusal)) as upstream:
        failure(OpenAICompatible(upstream.url, retries=0), CHAT)
        assert members(upstream) == [True]


def test_what_a_reader_has_got_is_not_asked_for_again():
    refused = events(chat_delta("Half"), {"error": {"message": "stream_options", "code": 400}})
    with Upstream(strict(refused)) as upstream:
        deltas = iter(OpenAICompatible(upstream.url).stream(CHAT))
        assert next(deltas) == "Half"
        with pytest.raises(ProviderError):
            next(deltas)
        assert members(upstream) == [True]


def test_a_second_refusal_is_told_and_nothing_is_remembered():
    with Upstream(strict(REFUSALS[0], answer(400, "stream_options or not"))) as upstream:
        provider = OpenAICompatible(upstream.url)
        assert str(failure(provider, CHAT)).endswith(": stream_options or not")
        failure(provider, CHAT)
        assert members(upstream) == [True, False] * 2


def test_without_them_it_is_asked_once():
    with Upstream(REFUSALS[0]) as upstream:
        failure(OpenAICompatible(upstream.url, options={"stream_options": None}), CHAT)
        assert members(upstream) == [False]


def test_an_abort_ends_the_second_call_too():
    def silent(exchange):
        asked_again.set()

    asked_again = threading.Event()
    with Upstream(strict(REFUSALS[0], silent)) as upstream:
        deltas = OpenAICompatible(upstream.url, read_timeout=0).stream(CHAT)
        assert code_at_abort(deltas, asked_again) == "aborted"


def test_both_calls_leave_nothing_open():
    before = open_descriptors()
    with Upstream(strict(REFUSALS[0])) as upstream:
        ask(OpenAICompatible(upstream.url), CHAT)
    assert open_descriptors() <= before

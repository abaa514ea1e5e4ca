"""The providers against llama.cpp's own server, with a real model in it."""

from __future__ import annotations

import json
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

from flask_llmstream.providers import Anthropic, OpenAICompatible
from flask_llmstream.records import CompletionRequest
from tests.conftest import needs
from tests.providers.asking import CHAT, ask, failure
from tests.support.upstream import HANG_GUARD

SCRIPT = Path(__file__).parents[2] / "sample_app" / "model_server.py"
KEY = "the-key-of-this-test"
SIX_TOKENS = CompletionRequest("gemma", prompt="The sea is", options={"max_tokens": 6})
SIX_AFTER_THREE = (3, 6, "length")
ENDLESS = CompletionRequest("gemma", prompt="1 2 3 4", options={"ignore_eos": True})

pytestmark = pytest.mark.skipif(
    sys.version_info < (3, 10), reason="xllamacpp needs Python 3.10 or newer"
)


@pytest.fixture(scope="module")
def base_url():
    needs("xllamacpp", find_spec("xllamacpp") is not None)
    pipe = subprocess.PIPE
    command = [sys.executable, str(SCRIPT)]
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, universal_newlines=True) as server:
        server.stdin.write(f"{KEY}\n")
        server.stdin.flush()
        news = {}
        while "progress" in news or not news:
            news = json.loads(server.stdout.readline())
        yield news["base_url"]
        server.stdin.close()
        assert server.wait(HANG_GUARD) == 0


def texts(pieces):
    """The texts alone: this server says more of itself."""
    return [piece for piece in pieces if isinstance(piece, str)]


def costs(usage):
    return usage.prompt_tokens, usage.completion_tokens, usage.finish_reason


def test_it_continues_a_prompt_token_by_token(base_url):
    *pieces, usage = ask(OpenAICompatible(base_url, KEY, prompts="completions"), SIX_TOKENS)
    assert costs(usage) == SIX_AFTER_THREE
    assert 3 <= len(texts(pieces)) <= 6


def test_it_answers_messages(base_url):
    provider = OpenAICompatible(base_url, KEY, options={"max_tokens": 6})
    *pieces, usage = ask(provider, CHAT)
    assert "".join(texts(pieces))
    assert usage.prompt_tokens > 4


def test_another_key_is_refused(base_url):
    assert failure(OpenAICompatible(base_url, "another-key"), SIX_TOKENS).code == "provider_key"
    assert failure(OpenAICompatible(base_url), SIX_TOKENS).code == "provider_key"


def test_what_it_rejects_comes_in_its_own_words(base_url):
    request = CompletionRequest("gemma", prompt="x", options={"temperature": "hot"})
    error = failure(OpenAICompatible(base_url, KEY, prompts="completions"), request)
    assert (error.status, error.code) == (400, "provider_rejected")
    assert "temperature" in str(error)


def test_a_prompt_longer_than_its_context_is_rejected(base_url):
    request = CompletionRequest("gemma", prompt="word " * 10_000)
    error = failure(OpenAICompatible(base_url, KEY, prompts="completions"), request)
    assert error.status == 400
    assert "context" in str(error)


def test_closing_frees_its_slots_for_the_next(base_url):
    provider = OpenAICompatible(base_url, KEY, prompts="completions")
    for _ in range(8):  # it has four, and would fill its context if it were not stopped
        answer = provider.stream(ENDLESS)
        next(iter(answer))
        answer.close()
    assert costs(ask(provider, SIX_TOKENS)[-1]) == SIX_AFTER_THREE


def test_a_path_it_does_not_have_is_named(base_url):
    provider = OpenAICompatible(base_url + "/elsewhere", KEY)
    assert failure(provider, SIX_TOKENS).code == "provider_not_found"


# Its Messages API, which its authors wrote by Anthropic's reference.


def messages_of(base_url, key=KEY):
    return Anthropic(key, base_url=base_url)


def test_its_messages_are_read_token_by_token(base_url):
    *pieces, usage = ask(messages_of(base_url), SIX_TOKENS)
    assert 3 <= len(pieces) <= 6 and all(isinstance(piece, str) for piece in pieces)
    assert (usage.completion_tokens, usage.finish_reason) == (6, "max_tokens")
    assert usage.prompt_tokens > 4 and usage.cached_tokens is not None


def test_its_messages_may_have_calls_of_tools_and_their_results(base_url):
    messages = (
        {"role": "system", "content": "Be kind."},
        {"role": "user", "content": "Weather?"},
        {"role": "assistant", "content": None, "tool_calls": [
            {"id": "c", "type": "function", "function": {"name": "w", "arguments": "{}"}}]},
        {"role": "tool", "tool_call_id": "c", "content": "12 degrees"},
        {"role": "user", "content": "So?"},
    )  # fmt: skip
    request = CompletionRequest("gemma", messages=messages, options={"max_tokens": 6})
    usage = ask(messages_of(base_url), request)[-1]
    assert usage.prompt_tokens > 10 and 1 <= usage.completion_tokens <= 6


def test_its_messages_are_refused_without_the_key(base_url):
    assert failure(messages_of(base_url, "another-key"), SIX_TOKENS).code == "provider_key"


def test_a_prompt_that_is_too_long_for_its_messages_is_rejected(base_url):
    request = CompletionRequest("gemma", prompt="word " * 10_000)
    error = failure(messages_of(base_url), request)
    assert error.status == 400 and "context" in str(error)

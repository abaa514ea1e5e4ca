"""The chunks of the chat endpoints, read by OpenAI's own client."""

from __future__ import annotations

from importlib.util import find_spec

import pytest

from flask_llmstream.formats import Ending
from flask_llmstream.formats.openai import ChatCompletionChunks
from tests.conftest import needs
from tests.support.upstream import CLOSING_HEAD, Upstream

needs("openai", find_spec("openai"))

from openai import OpenAI  # noqa: E402


def answer(exchange):
    """The answer to a POST, with a heartbeat in each silence."""
    format = ChatCompletionChunks("gemma")
    exchange.send(CLOSING_HEAD)
    exchange.send_chunk(format.opening("", "s:0").decode())
    for text in ("Hel", "lo"):
        exchange.send_chunk(format.heartbeat().decode())
        exchange.send_chunk(format.item(text).decode())
    exchange.send_chunk(format.heartbeat().decode())
    exchange.send_chunk(format.ending(Ending("complete"), "s:ended").decode())
    exchange.send_chunk("")


@pytest.fixture
def client():
    with Upstream(answer) as upstream:
        with OpenAI(base_url=upstream.url, api_key="none", max_retries=0) as client:
            yield client


def test_heartbeats_are_nothing_to_it(client):
    hello = [{"role": "user", "content": "Hello"}]
    parts = client.chat.completions.create(model="gemma", messages=hello, stream=True)
    assert [part.choices[0].delta.content for part in parts] == ["", "Hel", "lo", None]

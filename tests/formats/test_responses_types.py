"""The events of a response, checked by the types of OpenAI's own client."""

from __future__ import annotations

from importlib.util import find_spec

import pytest

from flask_llmstream.deltas import Delta, ToolCallDelta
from flask_llmstream.formats.responses import Asked, ResponseEvents, WholeResponse
from flask_llmstream.protocols.responses.asked import repeated
from flask_llmstream.records import Ending, ErrorInfo, Usage
from flask_llmstream.sse.decoder import EventStreamDecoder
from tests.conftest import needs

needs("openai", find_spec("openai"))

from openai.types.responses import Response, ResponseStreamEvent  # noqa: E402
from pydantic import TypeAdapter  # noqa: E402

EVENT = TypeAdapter(ResponseStreamEvent)
TOKEN = {"token": "a", "logprob": -1}
CITED = {"type": "url_citation", "url_citation": {"url": "https://example.org"}}
TOOL = {"type": "function", "name": "add", "parameters": {}, "strict": True}
SCHEMA = {"type": "json_schema", "name": "person", "schema": {}}

ANSWERS = {
    "text": ["Hel", "lo"],
    "reasoning": [Delta(reasoning="Hm"), "So."],
    "refusal": [Delta(refusal="No.")],
    "note": ["a", Delta(annotations=[CITED])],
    "calls": [Delta(tool_calls=[ToolCallDelta(each, "c", "add", "{}") for each in range(2)])],
    "a token": [Delta("a", logprobs={"content": [TOKEN]})],
    "no bytes": [Delta("a", logprobs={"content": [{**TOKEN, "bytes": None}]})],
    "a rival": [Delta("a", logprobs={"content": [{**TOKEN, "top_logprobs": [TOKEN]}]})],
    "no token": [Delta("a", logprobs={"content": [{"token": "a"}, {"logprob": -1}, 1]})],
}
ENDINGS = [Ending("complete", Usage(1, 2)), Ending("complete"), Ending("cancelled")]
FIELDS = [
    {},
    {"tools": [TOOL], "tool_choice": {"type": "function", "name": "add"}, "top_logprobs": 2},
    {"text": {"format": SCHEMA}, "reasoning": {"effort": "high"}, "metadata": {"a": "b"}},
    {"text": {"verbosity": "low"}, "instructions": "Be brief.", "temperature": 0.5, "store": False},
]


def read(sent):
    """The types of the events, each of which is read by the client's own types."""
    return [EVENT.validate_json(event.data).type for event in EventStreamDecoder().feed(sent)]


@pytest.mark.parametrize("items", ANSWERS.values(), ids=ANSWERS)
@pytest.mark.parametrize("ending", ENDINGS, ids=["counted", "not counted", "cancelled"])
def test_each_event_and_the_whole_response_are_of_the_clients_types(items, ending):
    asked = Asked("gemma", repeated({}))
    format, whole = ResponseEvents(asked), WholeResponse(asked)
    frames = b"".join(map(format.item, items)) + format.rest()
    assert len(read(format.opening(None, None) + frames + format.ending(ending, None))) > 4
    for item in items:
        whole.item(item)
    assert Response.model_validate_json(whole.ending(ending, None)).output


@pytest.mark.parametrize("fields", FIELDS, ids=str)
def test_so_is_what_a_response_repeats_of_its_request(fields):
    format = ResponseEvents(Asked("gemma", repeated(fields)))
    assert read(format.opening(None, None)) == ["response.created", "response.in_progress"]


def test_and_so_is_a_failure():
    format = ResponseEvents(Asked("gemma", repeated({})))
    failure = ErrorInfo("broken", "It broke.", "the-id", 503)
    assert read(format.failure(failure, None)) == ["error", "response.failed"]

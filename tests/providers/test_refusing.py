"""A model says which fields of a request it can't serve."""

from __future__ import annotations

from typing import Any, Dict

import pytest

from flask_llmstream.errors import ConfigurationError, RequestError
from flask_llmstream.providers import CallableProvider, Counter, Provider
from flask_llmstream.records import CompletionRequest

TOOL = {"type": "function", "function": {"name": "look_up", "parameters": {}}}
IMAGE = {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}}


def asking(**options: Any) -> CompletionRequest:
    return CompletionRequest(prompt="Hello", options=options)


def model(**refuses: str) -> CallableProvider:
    return CallableProvider(lambda request: "Hello", refuses=refuses)


def refusal(provider: Provider, request: CompletionRequest) -> RequestError:
    with pytest.raises(RequestError) as error:
        provider.check(request)
    return error.value


def test_a_function_gets_everything_unless_it_is_said_otherwise() -> None:
    CallableProvider(lambda request: "Hello").check(asking(tools=[TOOL], logprobs=True))


def test_the_client_reads_the_author_s_own_words() -> None:
    error = refusal(model(tools="This model calls no tools."), asking(tools=[TOOL]))
    assert (str(error), error.field) == ("tools: This model calls no tools.", "tools")
    assert error.status == 400


@pytest.mark.parametrize(
    "options",
    [
        {"tools": []},
        {"tools": None},
        {"tools": [TOOL], "tool_choice": "none"},
        {"functions": [TOOL["function"]], "function_call": "none"},
        {"tool_choice": "auto"},
        {"response_format": {"type": "text"}},
        {"logprobs": False},
        {"modalities": ["text"]},
        {"temperature": 1},
    ],
    ids=str,
)
def test_a_field_that_asks_for_nothing_is_let_through(options: Dict[str, Any]) -> None:
    names = ("tools", "functions", "tool_choice", "response_format", "logprobs", "modalities")
    model(**dict.fromkeys(names, "no")).check(asking(**options))


@pytest.mark.parametrize(
    "name, value",
    [
        ("tools", [TOOL]),
        ("tool_choice", "required"),
        ("response_format", {"type": "json_object"}),
        ("logprobs", True),
        ("modalities", ["text", "audio"]),
        ("top_k", 40),
    ],
)
def test_any_field_can_be_refused(name: str, value: Any) -> None:
    assert refusal(model(**{name: "no"}), asking(**{name: value})).field == name


def test_a_part_of_a_message_is_refused_by_its_type_and_named_by_its_place() -> None:
    text = {"type": "text", "text": "What is this?"}
    system = {"role": "system", "content": "Be brief."}
    request = CompletionRequest(messages=(system, {"role": "user", "content": [text, IMAGE]}))
    error = refusal(model(image_url="This model sees no images."), request)
    assert str(error) == "messages[1].content[1]: This model sees no images."
    model(image_url="no").check(CompletionRequest(messages=(system,)))


@pytest.mark.parametrize("content", [None, "text", [], [None, 7, "text", {}, {"type": ["a"]}]])
def test_parts_of_any_shape_are_looked_at(content: Any) -> None:
    message = {"role": "user", "content": content}
    model(image_url="no").check(CompletionRequest(messages=(message, {"role": "assistant"})))


def test_a_provider_says_it_in_one_line() -> None:
    class TextOnly(Provider):
        refuses = {"tools": "This model calls no tools."}

        def stream(self, request: CompletionRequest) -> Any:
            return ["Hello"]

    assert refusal(TextOnly(), asking(tools=[TOOL])).field == "tools"


@pytest.mark.parametrize(
    "name, value",
    [
        ("tools", [TOOL]),
        ("functions", [TOOL["function"]]),
        ("response_format", {"type": "json_schema", "json_schema": {}}),
        ("logprobs", True),
        ("modalities", ["audio"]),
    ],
)
def test_the_counter_only_counts_and_says_so(name: str, value: Any) -> None:
    assert "only counts" in str(refusal(Counter(), asking(**{name: value})))


def test_the_counter_counts_whatever_the_messages_show() -> None:
    Counter().check(CompletionRequest(messages=({"role": "user", "content": [IMAGE]},)))


@pytest.mark.parametrize(
    "refuses", [None, "tools", ["tools"], {"tools": ""}, {"tools": 7}, {7: "no"}], ids=repr
)
def test_reasons_that_are_none_are_refused(refuses: Any) -> None:
    with pytest.raises(ConfigurationError, match="^refuses: "):
        CallableProvider(lambda request: "Hello", refuses=refuses)

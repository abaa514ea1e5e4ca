"""Requests in OpenAI's form become bodies of the Messages API, or errors that name a field."""

from __future__ import annotations

import base64

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flask_llmstream.errors import RequestError
from flask_llmstream.providers.anthropic import Anthropic
from flask_llmstream.providers.anthropic_messages.request import RequestMaker
from flask_llmstream.records import TOKEN_LIMITS, CompletionRequest
from tests.providers.any_json import json_values


def body(*messages, options=None, most=None, prompt=None, own=None, **provider):
    """The body of a request with these messages, or with the prompt."""
    made = {"model": None, "max_tokens": 4096, "ignores": (), "options": own or {}, **provider}
    request = CompletionRequest("claude", prompt, messages, options or {}, most)
    return RequestMaker("/v1/messages", **made).request_for(request).body


def turns(*messages):
    return body(*messages)["messages"]


def user(content):
    return {"role": "user", "content": content}


def text(words):
    return {"type": "text", "text": words}


def error(*messages, **options):
    with pytest.raises(RequestError) as caught:
        body(*messages, options=options, prompt=None if messages else "Hi")
    return caught.value


# The question.


def test_a_prompt_is_the_users_message():
    assert body(prompt="Hi") == {
        "model": "claude",
        "max_tokens": 4096,
        "messages": [user([text("Hi")])],
        "stream": True,
    }


def test_the_model_may_have_another_name_there():
    assert body(prompt="Hi", model="claude-1")["model"] == "claude-1"
    assert body(prompt="Hi", options={"model": "x"}, model="y")["model"] == "y"


@pytest.mark.parametrize("role", ["system", "developer"])
def test_system_messages_stand_before_all_others(role):
    sent = body(user("Hi"), {"role": role, "content": "Be kind."}, user([text("there")]))
    assert sent["system"] == [text("Be kind.")]
    assert sent["messages"] == [user([text("Hi"), text("there")])]


def test_a_system_prompt_of_anthropics_form_stands_before_those():
    sent = body({"role": "system", "content": "B"}, user("Hi"), options={"system": "A"})
    assert sent["system"] == [text("A"), text("B")]
    marked = [{**text("A"), "cache_control": {"type": "ephemeral"}}]
    assert body(user("Hi"), options={"system": marked})["system"] == marked


def test_messages_of_one_role_in_a_row_are_one_turn():
    said = [{"role": "assistant", "content": word} for word in "ab"]
    assert turns(user("x"), user("y"), *said, user("z")) == [
        user([text("x"), text("y")]),
        {"role": "assistant", "content": [text("a"), text("b")]},
        user([text("z")]),
    ]


def test_an_empty_answer_is_no_turn_and_blanks_are_no_blocks():
    silent = {"role": "assistant", "content": ""}
    assert turns(user("x"), silent, user([text("\n"), text("y")])) == [user([text("x"), text("y")])]
    assert turns(user(" ")) == [user([text(" ")])]


CALL = {"id": "call_1", "type": "function",
        "function": {"name": "weather", "arguments": '{"city": "Oslo"}'}}  # fmt: skip
USE = {"type": "tool_use", "id": "call_1", "name": "weather", "input": {"city": "Oslo"}}


def calls(*made, content=None, **more):
    return {"role": "assistant", "content": content, "tool_calls": list(made), **more}


def test_calls_of_tools_stand_behind_the_text():
    assert turns(calls(CALL, content="I'll look.")) == [
        {"role": "assistant", "content": [text("I'll look."), USE]}
    ]
    assert turns(calls(CALL, content="\n\n"))[0]["content"] == [USE]


@pytest.mark.parametrize("arguments", ["", " ", None, {}, "{}"])
def test_a_call_may_have_no_arguments(arguments):
    call = {"id": "c", "function": {"name": "now", "arguments": arguments}}
    assert turns(calls(call))[0]["content"][0]["input"] == {}


def test_numbers_that_json_lacks_are_null_in_arguments():
    call = {"id": "c", "function": {"name": "now", "arguments": '{"a": NaN, "b": 1e999}'}}
    assert turns(calls(call))[0]["content"][0]["input"] == {"a": None, "b": None}


def test_all_results_of_tools_are_in_one_turn_before_the_users_words():
    results = [{"role": "tool", "tool_call_id": name, "content": words}
               for name, words in (("a", "12"), ("b", ""), ("c", [text("mild")]))]  # fmt: skip
    first, second, third, words = turns(*results, user("Well?"))[0]["content"]
    assert first == {"type": "tool_result", "tool_use_id": "a", "content": "12"}
    assert second == {"type": "tool_result", "tool_use_id": "b"}
    assert third["content"] == [text("mild")] and words == text("Well?")


def test_a_failed_tool_says_so():
    failed = {"role": "tool", "tool_call_id": "a", "content": "?", "is_error": True}
    assert turns(failed)[0]["content"][0]["is_error"] is True


def test_the_ids_of_another_model_are_made_fit():
    call = dict(CALL, id="functions.weather:0")
    result = {"role": "tool", "tool_call_id": "functions.weather:0", "content": "12"}
    use, answer = turns(calls(call), result)
    assert use["content"][0]["id"] == answer["content"][0]["tool_use_id"] == "functions_weather_0"


def test_what_an_answer_gave_beside_its_text_goes_back_as_it_came():
    thought = {"type": "thinking", "thinking": "hm", "signature": "sig"}
    found = {"type": "web_search_tool_result", "tool_use_id": "s", "content": []}
    message = calls(dict(CALL, caller={"type": "direct"}), content="So", reasoning_content="hm",
                    thinking_blocks=[{"index": 0, **thought}],
                    content_parts=[{"index": 0, **found}])  # fmt: skip
    assert turns(message)[0]["content"] == [
        thought, found, text("So"), {**USE, "caller": {"type": "direct"}},
    ]  # fmt: skip


def test_a_refusal_is_what_the_model_said():
    refused = {"role": "assistant", "content": None, "refusal": "I can't."}
    assert turns(refused)[0]["content"] == [text("I can't.")]
    part = {"type": "refusal", "refusal": "No."}
    assert turns({"role": "assistant", "content": [part]})[0]["content"] == [text("No.")]


# Parts.

PIXEL = base64.b64encode(b"pixel").decode()


@pytest.mark.parametrize("wrapped", [lambda url: {"url": url, "detail": "low"}, lambda url: url])
def test_images_come_by_their_address_or_in_the_message(wrapped):
    def image(url):
        return turns(user([{"type": "image_url", "image_url": wrapped(url)}]))[0]["content"]

    address = "https://a.example/b.png"
    assert image(address) == [{"type": "image", "source": {"type": "url", "url": address}}]
    data = {"type": "base64", "media_type": "image/png", "data": PIXEL}
    assert image(f"data:image/png;base64,{PIXEL}") == [{"type": "image", "source": data}]


def file(**members):
    return turns(user([{"type": "file", "file": members}]))[0]["content"][0]


def test_files_are_documents():
    pdf = {"type": "base64", "media_type": "application/pdf", "data": PIXEL}
    assert file(file_data=f"data:application/pdf;base64,{PIXEL}", filename="a.pdf") == {
        "type": "document", "source": pdf, "title": "a.pdf",
    }  # fmt: skip
    plain = {"type": "text", "media_type": "text/plain", "data": "pixel"}
    assert file(file_data=f"data:text/csv;base64,{PIXEL}")["source"] == plain
    assert file(file_id="file_1")["source"] == {"type": "file", "file_id": "file_1"}
    assert file(file_data=f"data:image/png;base64,{PIXEL}")["type"] == "image"


def test_parts_of_anthropics_own_are_sent_as_they_came():
    part = {"type": "search_result", "source": "a", "title": "b", "content": [text("c")]}
    assert turns(user([part, "more"]))[0]["content"] == [part, text("more")]


def test_a_mark_for_the_cache_stays():
    mark = {"cache_control": {"type": "ephemeral"}}
    part = {"type": "image_url", "image_url": "https://a.example/", **mark}
    assert turns(user([{**text("a"), **mark}, part]))[0]["content"][1]["cache_control"]
    assert turns(user([{**text("a"), **mark}]))[0]["content"] == [{**text("a"), **mark}]


DEEP = '{"a":' * 999 + "1" + "}" * 999

WRONG_MESSAGES = {
    "messages[0]": "Hi",
    "messages[0].role": {"role": "function", "content": "x"},
    "messages[0].content": user(5),
    "messages[0].content[0]": user([{"text": "a"}]),
    "messages[0].content[1]": user(["a", {"type": "input_audio", "input_audio": {}}]),
    "messages[0].content[0].text": user([{"type": "text", "text": None}]),
    "messages[0].content[0].image_url": user([{"type": "image_url", "image_url": "http://a/"}]),
    "messages[0].content[0].file": user([{"type": "file", "file": "a"}]),
    "messages[0].content[0].file.file_data": user([{"type": "file", "file": {"file_data": "a"}}]),
    "messages[0].tool_call_id": {"role": "tool", "content": "12"},
    "messages[0].tool_calls": {"role": "assistant", "tool_calls": "a"},
    "messages[0].tool_calls[0].function": calls({"id": "a", "custom": {}}),
    "messages[0].tool_calls[0].function.name": calls({"id": "a", "function": {}}),
    "messages[0].tool_calls[0].id": calls({"function": {"name": "a"}}),
    "messages[0].tool_calls[1].function.arguments": calls(
        CALL, {"id": "b", "function": {"name": "a", "arguments": '{"city":'}}
    ),
    "messages[0].tool_calls[2].function.arguments": calls(
        CALL, CALL, {"id": "b", "function": {"name": "a", "arguments": DEEP}}
    ),
    "messages[0].function_call": {"role": "assistant", "function_call": {"name": "a"}},
    "messages[0].thinking_blocks": {"role": "assistant", "thinking_blocks": ["a"]},
}


@pytest.mark.parametrize("field, message", WRONG_MESSAGES.items())
def test_what_is_wrong_with_a_message_is_named(field, message):
    assert error(message).field == field


# Tools.

TOOL = {"type": "function", "function": {"name": "weather", "description": "d", "strict": True,
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}}}}  # fmt: skip
OWN_TOOL = {"type": "web_search_20250305", "name": "web_search", "max_uses": 3}


def tools(*made, **options):
    return body(prompt="Hi", options={"tools": list(made), **options})


def test_a_function_is_a_tool():
    schema = TOOL["function"]["parameters"]
    assert tools(TOOL)["tools"] == [
        {"name": "weather", "description": "d", "input_schema": schema, "strict": True}
    ]


@pytest.mark.parametrize("parameters", [{}, None, {"properties": {}}])
def test_a_function_without_arguments_has_a_schema(parameters):
    tool = {"type": "function", "function": {"name": "now", "parameters": parameters}}
    assert tools(tool)["tools"] == [
        {"name": "now", "input_schema": {"type": "object", "properties": {}}}
    ]


def test_tools_of_anthropics_own_are_sent_as_they_came():
    assert tools(OWN_TOOL)["tools"] == [OWN_TOOL]


CHOICES = [
    ("auto", {"type": "auto"}),
    ("none", {"type": "none"}),
    ("required", {"type": "any"}),
    ({"type": "function", "function": {"name": "weather"}}, {"type": "tool", "name": "weather"}),
    ({"type": "tool", "name": "weather"}, {"type": "tool", "name": "weather"}),
]


@pytest.mark.parametrize("choice, sent", CHOICES)
def test_each_choice_of_a_tool_is_translated(choice, sent):
    assert tools(TOOL, tool_choice=choice)["tool_choice"] == sent


def test_one_call_at_a_time_is_part_of_the_choice():
    one = {"disable_parallel_tool_use": True}
    assert tools(TOOL, parallel_tool_calls=False)["tool_choice"] == {"type": "auto", **one}
    chosen = tools(TOOL, parallel_tool_calls=False, tool_choice="required")
    assert chosen["tool_choice"] == {"type": "any", **one}
    assert tools(TOOL, parallel_tool_calls=False, tool_choice="none")["tool_choice"] == {
        "type": "none"
    }
    assert "tool_choice" not in tools(TOOL, parallel_tool_calls=True)


def test_without_tools_there_is_no_choice():
    sent = tools(tool_choice="auto", parallel_tool_calls=False)
    assert sent.keys() == {"model", "max_tokens", "messages", "stream"}


# Options.

OPTIONS = [
    ({"stop": "END"}, {"stop_sequences": ["END"]}),
    ({"stop": ["a", "b"]}, {"stop_sequences": ["a", "b"]}),
    ({"stop": "END", "stop_sequences": ["own"]}, {"stop_sequences": ["own"]}),
    ({"user": "u1"}, {"metadata": {"user_id": "u1"}}),
    ({"safety_identifier": "u1", "metadata": {"label": "x"}}, {"metadata": {"user_id": "u1"}}),
    ({"metadata": {"user_id": "own"}, "user": "u1"}, {"metadata": {"user_id": "own"}}),
    ({"metadata": {"label": "x"}}, {}),
    ({"service_tier": "default"}, {"service_tier": "standard_only"}),
    ({"service_tier": "auto"}, {"service_tier": "auto"}),
    ({"reasoning_effort": "high"}, {"output_config": {"effort": "high"}}),
    ({"reasoning_effort": "minimal"}, {"output_config": {"effort": "low"}}),
    ({"reasoning_effort": "none"}, {"thinking": {"type": "disabled"}}),
    ({"temperature": 0.2, "top_p": 1, "top_k": 5}, {"temperature": 0.2, "top_p": 1, "top_k": 5}),
    ({"thinking": {"type": "adaptive"}}, {"thinking": {"type": "adaptive"}}),
    ({"response_format": {"type": "text"}}, {}),
    ({"stream_options": {"include_usage": True}, "n": 1, "prediction": {}}, {}),
    ({"logprobs": False, "seed": None, "functions": [], "modalities": ["text"]}, {}),
    ({"a_field_to_come": [1]}, {"a_field_to_come": [1]}),
]


@pytest.mark.parametrize("options, members", OPTIONS)
def test_each_option_has_its_member_there(options, members):
    assert body(prompt="Hi", options=options) == {**body(prompt="Hi"), **members}


SCHEMA = {"type": "object", "properties": {"max_tokens": {"type": "integer"}}}
JSON = {"type": "json_schema", "json_schema": {"name": "n", "strict": True, "schema": SCHEMA}}


def test_a_schema_for_the_answer_stands_beside_its_effort():
    sent = body(prompt="Hi", options={"response_format": JSON, "reasoning_effort": "low"}, most=5)
    assert sent["output_config"] == {
        "effort": "low", "format": {"type": "json_schema", "schema": SCHEMA},
    }  # fmt: skip
    both = {"response_format": JSON, "output_config": {"effort": "max"}}
    assert body(prompt="Hi", options=both)["output_config"].keys() == {"effort", "format"}


WRONG_OPTIONS = [
    ("stop", {"stop": 5}),
    ("response_format", {"response_format": {"type": "json_object"}}),
    ("response_format", {"response_format": "json"}),
    ("tools", {"tools": "weather"}),
    ("tools[0]", {"tools": ["weather"]}),
    ("tools[0].function", {"tools": [{"type": "function", "name": "weather"}]}),
    ("tools[0].function.parameters",
     {"tools": [{"type": "function", "function": {"name": "a", "parameters": []}}]}),
    ("tools[1].type", {"tools": [TOOL, {"type": "custom", "custom": {"name": "a"}}]}),
    ("tool_choice", {"tools": [TOOL], "tool_choice": "always"}),
    ("tool_choice", {"tools": [TOOL], "tool_choice": {"type": "allowed_tools"}}),
    ("system", {"system": 5}),
]  # fmt: skip


@pytest.mark.parametrize("field, options", WRONG_OPTIONS)
def test_what_is_wrong_with_an_option_is_named(field, options):
    assert error(**options).field == field


ASKED = {"seed": 7, "logprobs": True, "top_logprobs": 2, "logit_bias": {"5": 1},
         "presence_penalty": 0.5, "frequency_penalty": 1, "functions": [{"name": "a"}],
         "audio": {"voice": "a"}, "modalities": ["audio"], "verbosity": "low", "store": True,
         "web_search_options": {"a": 1}, "suffix": "x", "echo": True}  # fmt: skip


@pytest.mark.parametrize("name, value", ASKED.items())
def test_what_the_api_has_nothing_for_is_refused_by_name(name, value):
    request = CompletionRequest("claude", "Hi", options={name: value})
    with pytest.raises(RequestError) as caught:
        Anthropic("key").check(request)
    assert caught.value.field == name
    Anthropic("key", ignores=[name]).check(request)


def test_audio_is_refused_by_its_name():
    part = {"type": "input_audio", "input_audio": {"data": "", "format": "wav"}}
    with pytest.raises(RequestError, match="hears no audio"):
        Anthropic("key").check(CompletionRequest(messages=(user([part]),)))


def test_a_check_finds_what_can_not_be_sent():
    with pytest.raises(RequestError) as caught:
        Anthropic("key").check(CompletionRequest("claude", "Hi", options={"stop": 5}))
    assert caught.value.field == "stop"


def test_what_is_ignored_is_not_sent():
    sent = body(prompt="Hi", options={"seed": 7, "min_p": 1}, ignores=("seed", "min_p"))
    assert sent == body(prompt="Hi")


def test_a_requests_options_count_before_the_providers():
    own = {"temperature": 0.5, "top_k": 3, "stop": "END"}
    sent = body(prompt="Hi", options={"temperature": None, "top_k": 9}, own=own)
    assert "temperature" not in sent
    assert (sent["top_k"], sent["stop_sequences"]) == (9, ["END"])


# The limit.


@pytest.mark.parametrize("name", TOKEN_LIMITS)
def test_a_limit_of_the_requests_is_the_one(name):
    sent = body(prompt="Hi", options={name: 100})
    assert sent["max_tokens"] == 100
    assert not set(TOKEN_LIMITS) & (sent.keys() - {"max_tokens"})


@pytest.mark.parametrize("wish", [{}, {"max_tokens": -1}, {"max_tokens": True}])
def test_without_a_limit_the_providers_is_sent(wish):
    assert body(prompt="Hi", options=wish, max_tokens=500)["max_tokens"] == 500


def test_a_budget_for_thinking_comes_on_top_of_it():
    thinking = {"type": "enabled", "budget_tokens": 2000}
    assert body(prompt="Hi", options={"thinking": thinking})["max_tokens"] == 6096


@pytest.mark.parametrize("wish, sent", [({}, 500), ({"max_tokens": 80}, 80),
                                        ({"max_completion_tokens": 9000}, 1000)])  # fmt: skip
def test_the_applications_cap_counts_before_all(wish, sent):
    assert body(prompt="Hi", options=wish, most=1000, max_tokens=500)["max_tokens"] == sent


def test_a_cap_holds_for_the_budget_too():
    thinking = {"type": "enabled", "budget_tokens": 9000}
    sent = body(prompt="Hi", options={"thinking": thinking}, most=2000)
    assert (sent["max_tokens"], sent["thinking"]["budget_tokens"]) == (2000, 2000)


# Anything.


ROLES = st.sampled_from(["system", "user", "assistant", "tool"])
MEMBERS = st.sampled_from(["content", "tool_calls", "tool_call_id", "thinking_blocks", "role"])


@given(json_values, ROLES, MEMBERS)
def test_any_message_is_sent_or_named(value, role, name):
    message = {"role": role, "content": "x", "tool_call_id": "a", name: value}
    try:
        body(message, {"role": "user", "content": [value]})
    except RequestError as error:
        assert error.field.startswith("messages[")


NAMES = ["stop", "user", "metadata", "service_tier", "reasoning_effort", "response_format",
         "tools", "tool_choice", "system", "thinking", "max_tokens", "output_config"]  # fmt: skip


@settings(max_examples=50)
@given(st.dictionaries(st.sampled_from(NAMES), json_values, max_size=4), st.sampled_from([None, 9]))
def test_any_option_is_sent_or_named(options, most):
    try:
        sent = body(prompt="Hi", options=options, most=most)
    except RequestError as error:
        assert error.field
    else:
        assert 1 <= sent["max_tokens"] and (most is None or sent["max_tokens"] <= most)

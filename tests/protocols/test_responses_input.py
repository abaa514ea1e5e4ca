"""A request for a response becomes a chat completion."""

from __future__ import annotations

import sys
from functools import partial

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flask_llmstream import RequestError
from flask_llmstream.protocols import ClientRequest
from flask_llmstream.protocols.completion import parse_chat
from flask_llmstream.protocols.request_limits import RequestLimits
from flask_llmstream.protocols.responses import Responses
from flask_llmstream.protocols.responses.conversation import Conversation

PROTOCOL = Responses()


def fields_of(**fields):
    fields.setdefault("input", "Hi")
    return dict(PROTOCOL.read(ClientRequest(fields)).fields)


def messages_of(*items, **more):
    return fields_of(input=list(items), **more)["messages"]


def refused(**fields):
    with pytest.raises(RequestError) as raised:
        fields_of(**fields)
    return raised.value


def user(content):
    return {"role": "user", "content": content}


def call(call_id="call_1", **more):
    return {"type": "function_call", "call_id": call_id, "name": "add", "arguments": "{}", **more}


def output(call_id="call_1", value="3"):
    return {"type": "function_call_output", "call_id": call_id, "output": value}


def called(*call_ids, **more):
    function = {"name": "add", "arguments": "{}"}
    calls = [{"id": each, "type": "function", "function": function} for each in call_ids]
    return {"role": "assistant", "content": None, "tool_calls": calls, **more}


def told(call_id="call_1", content="3"):
    return {"role": "tool", "tool_call_id": call_id, "content": content}


# The conversation.


def test_text_is_a_message_of_the_users_behind_the_instructions():
    assert fields_of(input="Hi", instructions="Be brief.")["messages"] == [
        {"role": "system", "content": "Be brief."},
        user("Hi"),
    ]


@pytest.mark.parametrize("instructions", [None, ""])
def test_no_instructions_are_no_message(instructions):
    assert fields_of(instructions=instructions)["messages"] == [user("Hi")]


@pytest.mark.parametrize("type_", [{}, {"type": None}, {"type": "message"}])
@pytest.mark.parametrize("content", ["Hi", [{"type": "input_text", "text": "Hi"}]])
def test_a_message_need_not_say_that_it_is_one(type_, content):
    assert messages_of({"role": "user", "content": content, **type_}) == [user("Hi")]


def test_a_developer_speaks_as_the_system():
    assert messages_of({"role": "developer", "content": "Be brief."}, user("Hi"))[0] == {
        "role": "system",
        "content": "Be brief.",
    }


def test_what_the_model_said_is_text():
    parts = [{"type": "output_text", "text": "Hel", "annotations": []},
             {"type": "output_text", "text": "lo"}]  # fmt: skip
    item = {"type": "message", "role": "assistant", "id": "msg_1", "status": "completed"}
    assert messages_of({**item, "content": parts}) == [{"role": "assistant", "content": "Hello"}]


def test_a_refusal_stays_one():
    parts = [{"type": "refusal", "refusal": "No."}]
    message = {"role": "assistant", "content": "", "refusal": "No."}
    assert messages_of({"role": "assistant", "content": parts}) == [message]


PARTS = [
    ({"type": "input_image", "image_url": "data:,", "detail": "low"},
     {"type": "image_url", "image_url": {"url": "data:,", "detail": "low"}}),
    ({"type": "input_image", "image_url": "data:,", "detail": "original"},
     {"type": "image_url", "image_url": {"url": "data:,"}}),
    ({"type": "input_file", "file_data": "data:,", "filename": "a.pdf", "file_id": None},
     {"type": "file", "file": {"file_data": "data:,", "filename": "a.pdf"}}),
    ({"type": "input_file", "file_id": "file-1"}, {"type": "file", "file": {"file_id": "file-1"}}),
    ({"type": "input_audio", "input_audio": {"data": "", "format": "mp3"}},
     {"type": "input_audio", "input_audio": {"data": "", "format": "mp3"}}),
]  # fmt: skip


@pytest.mark.parametrize("part, read", PARTS)
def test_a_part_is_a_part_of_the_message(part, read):
    text = {"type": "input_text", "text": "Look:"}
    parts = [{"type": "text", "text": "Look:"}, read]
    assert messages_of(user([text, part])) == [user(parts)]
    assert messages_of(call(), output(value=[part])) == [called("call_1"), told(content=[read])]


def test_a_tool_may_give_nothing():
    assert messages_of(call(), output(value=[])) == [called("call_1"), told(content="")]


def test_the_calls_of_one_turn_are_one_message_with_its_text():
    items = [user("Hi"), {"role": "assistant", "content": "Wait."}, call("a"), call("b")]
    messages = messages_of(*items, output("a", "1"), output("b", "2"))
    assert messages == [
        *(user("Hi"), called("a", "b", content="Wait.")),
        *(told("a", "1"), told("b", "2")),
    ]


def test_a_text_between_a_call_and_its_output_belongs_to_the_call():
    """A chat completion has the output right behind the message with the call."""
    items = [call("a"), {"role": "assistant", "content": "Wait."}, output("a", "1")]
    assert messages_of(*items) == [called("a", content="Wait."), told("a", "1")]


def test_calls_of_two_turns_are_two_messages():
    items = [call("a"), output("a"), call("b"), output("b")]
    assert messages_of(*items) == [called("a"), told("a"), called("b"), told("b")]


def test_two_messages_of_the_models_stay_two():
    items = [{"role": "assistant", "content": text} for text in "ab"]
    assert messages_of(*items) == items


def thought(*texts, **more):
    summary = [{"type": "summary_text", "text": text} for text in texts]
    return {"type": "reasoning", "id": "rs_1", "summary": summary, **more}


def test_the_reasoning_of_the_turn_that_goes_on_belongs_to_its_message():
    items = [user("Hi"), thought("H", "m"), call(), output(), thought(), thought("So."), call("b")]
    assert messages_of(*items, output("b")) == [
        *(user("Hi"), called("call_1", reasoning_content="Hm"), told()),
        *(called("b", reasoning_content="So."), told("b")),
    ]


def test_the_reasoning_of_earlier_turns_is_left_out():
    items = [thought("Hm"), call(), output(), thought("So."), user("And?"), call("b")]
    assert messages_of(*items) == [called("call_1"), told(), user("And?"), called("b")]


def test_reasoning_between_the_calls_of_one_message_belongs_to_it():
    items = [{"role": "assistant", "content": "Wait."}, thought("H"), call("a"), thought("m")]
    message = called("a", "b", content="Wait.", reasoning_content="Hm")
    assert messages_of(*items, call("b"), output("b"), call("c")) == [
        *(message, told("b"), called("c")),
    ]


def c_calls(work):
    """The calls of built-in functions during this work."""
    calls = []
    sys.setprofile(lambda frame, event, called: event == "c_call" and calls.append(called))
    try:
        work()
    finally:
        sys.setprofile(None)
    return len(calls)


def test_a_long_conversation_takes_no_more_work_for_each_message():
    short, long = (c_calls(partial(messages_of, *[user("")] * count)) for count in (200, 400))
    assert long < 2.5 * short


def test_reasoning_that_is_told_counts_before_its_summary():
    content = [{"type": "reasoning_text", "text": "Long."}]
    item = thought("Short.", content=content, encrypted_content="x")
    assert messages_of(item, call()) == [called("call_1", reasoning_content="Long.")]


def messages_with(find, *items):
    conversation = Conversation(find)
    for index, item in enumerate(items):
        conversation.add(f"input[{index}]", item)
    return conversation.messages


def test_an_item_that_is_named_for_each_of_its_parts_counts_once():
    """The AI SDK does so. What is read is never more than what is kept."""
    looked_up = []

    def find(item_id):
        looked_up.append(item_id)
        return {"role": "assistant", "content": item_id}

    named = [{"type": "item_reference", "id": item_id} for item_id in "aaba"]
    said = [message["content"] for message in messages_with(find, *named)]
    assert (said, looked_up) == (["a", "b"], ["a", "b"])


# The other fields.


def test_functions_are_tools_and_so_is_their_choice():
    tool = {"type": "function", "name": "add", "parameters": {}, "strict": True}
    read = fields_of(
        tools=[{**tool, "description": None}],
        tool_choice={"type": "function", "name": "add"},
        parallel_tool_calls=False,
    )
    function = {"name": "add", "parameters": {}, "strict": True}
    assert read["tools"] == [{"type": "function", "function": function}]
    assert read["tool_choice"] == {"type": "function", "function": {"name": "add"}}
    assert read["parallel_tool_calls"] is False


def test_a_choice_may_allow_some():
    choice = {"type": "allowed_tools", "mode": "required"}
    tools = [{"type": "function", "name": "add"}]
    read = fields_of(tools=tools, tool_choice={**choice, "tools": tools})
    named = [{"type": "function", "function": {"name": "add"}}]
    allowed = {"mode": "required", "tools": named}
    assert read["tool_choice"] == {"type": "allowed_tools", "allowed_tools": allowed}


def test_without_tools_a_choice_that_asks_for_none_is_left_out():
    read = fields_of(tools=[], tool_choice="auto", parallel_tool_calls=True)
    assert not read.keys() & {"tools", "tool_choice", "parallel_tool_calls"}


def test_a_schema_is_the_response_format():
    schema = {"name": "person", "schema": {"type": "object"}, "strict": True}
    text = {"format": {"type": "json_schema", **schema}, "verbosity": "low"}
    read = fields_of(text=text, reasoning={"effort": "high", "summary": "auto"})
    assert read["response_format"] == {"type": "json_schema", "json_schema": schema}
    assert (read["verbosity"], read["reasoning_effort"]) == ("low", "high")


@pytest.mark.parametrize(
    "text, format", [({"format": {"type": "json_object"}}, {"type": "json_object"}),
                     ({"format": {"type": "text"}}, None), ({"format": None}, None), ({}, None)]
)  # fmt: skip
def test_the_other_formats(text, format):
    assert fields_of(text=text).get("response_format") == format


def test_log_probabilities_are_asked_for_by_what_is_included():
    include = ["reasoning.encrypted_content", "message.output_text.logprobs"]
    assert fields_of(include=include)["logprobs"] is True
    assert fields_of(top_logprobs=2)["top_logprobs"] == 2
    assert "logprobs" not in fields_of(include=include[:1])


def test_the_fields_of_both_apis_stay_what_they_are():
    same = {
        **{"model": "gemma", "stream": True, "temperature": 0.5, "top_p": 1, "user": "u"},
        **{"metadata": {"a": "b"}, "safety_identifier": "s", "prompt_cache_key": "k"},
        **{"service_tier": "auto", "unknown": 1, "seed": 7},
    }
    read = fields_of(**same, max_output_tokens=9, store=True, truncation="auto", max_tool_calls=3)
    assert read == {**same, "max_tokens": 9, "messages": [user("Hi")]}


NULLS = ["instructions", "tools", "tool_choice", "parallel_tool_calls", "text", "reasoning",
         "max_output_tokens", "include", "top_logprobs", "store", "truncation",
         "previous_response_id", "conversation", "background", "prompt"]  # fmt: skip


def test_null_asks_for_nothing():
    assert fields_of(**dict.fromkeys(NULLS)) == {"messages": [user("Hi")]}


# What can't be read.


@pytest.mark.parametrize(
    "field, value",
    [("previous_response_id", "resp_1"), ("conversation", "conv_1"), ("background", True),
     ("prompt", {"id": "p"}), ("context_management", [{}]), ("messages", [user("Hi")])],
)  # fmt: skip
def test_what_there_is_not_is_refused_by_name(field, value):
    assert refused(**{field: value}).field == field


@pytest.mark.parametrize(
    "kind", ["web_search", "file_search", "computer_use_preview", "mcp", "custom", None, 1]
)
def test_a_tool_of_a_server_is_refused_by_name(kind):
    error = refused(tools=[{"type": "function", "name": "a"}, {"type": kind}])
    assert error.field == "tools[1].type"
    assert not isinstance(kind, str) or kind in str(error)


BAD = [
    (None, "input"), ("", "input"), ([], "input"), (1, "input"), ({}, "input"),
    ([1], "input[0]"), ([{}], "input[0].role"), ([{"role": 1}], "input[0].role"),
    ([{"role": "tool", "content": ""}], "input[0].role"),
    ([user(None)], "input[0].content"), ([user([])], "input[0].content"),
    ([user([1])], "input[0].content[0]"),
    ([user([{"type": "text", "text": "Hi"}])], "input[0].content[0].type"),
    ([user([{"type": []}])], "input[0].content[0].type"),
    ([user([{"type": "input_text"}])], "input[0].content[0].text"),
    ([user([{"type": "input_image"}])], "input[0].content[0].image_url"),
    ([user([{"type": "input_image", "file_id": "f"}])], "input[0].content[0].file_id"),
    ([user([{"type": "input_file"}])], "input[0].content[0].file_data"),
    ([user([{"type": "input_file", "file_url": "u"}])], "input[0].content[0].file_url"),
    ([user([{"type": "input_file", "file_data": 1}])], "input[0].content[0].file_data"),
    ([user([{"type": "input_audio"}])], "input[0].content[0].input_audio"),
    ([{"role": "assistant", "content": None}], "input[0].content"),
    ([{"role": "assistant", "content": [{"type": "input_image"}]}], "input[0].content[0].type"),
    ([call(call_id="")], "input[0].call_id"), ([call(name=None)], "input[0].name"),
    ([call(arguments={})], "input[0].arguments"),
    ([call(), output(value=None)], "input[1].output"), ([output(value={})], "input[0].output"),
    ([{"type": "web_search_call"}], "input[0].type"), ([{"type": 1}], "input[0].type"),
    ([{"type": "custom_tool_call_output"}], "input[0].type"),
    ([thought(1)], "input[0].summary[0].text"), ([thought(content={})], "input[0].content"),
    ([{"type": "item_reference"}], "input[0].id"), ([{"id": "msg_1"}], "input[0].id"),
]  # fmt: skip


@pytest.mark.parametrize("value, field", BAD, ids=[field for _, field in BAD])
def test_an_item_that_cant_be_read_is_named(value, field):
    error = refused(input=value)
    assert (error.status, error.field) == (400, field)
    assert str(error).startswith(f"{field}: ")


@pytest.mark.parametrize(
    "fields, field",
    [({"instructions": 1}, "instructions"), ({"tools": {}}, "tools"), ({"tools": [1]}, "tools[0]"),
     ({"tools": [{"type": "function"}]}, "tools[0].name"), ({"tool_choice": 1}, "tool_choice"),
     ({"tool_choice": {"type": "mcp"}}, "tool_choice.type"),
     ({"tool_choice": {"type": "function"}}, "tool_choice.name"),
     ({"tool_choice": {"type": "allowed_tools"}}, "tool_choice.tools"),
     ({"parallel_tool_calls": "yes"}, "parallel_tool_calls"), ({"text": 1}, "text"),
     ({"text": {"format": 1}}, "text.format"),
     ({"text": {"format": {"type": "grammar"}}}, "text.format.type"),
     ({"text": {"format": {"type": "json_schema"}}}, "text.format.name"),
     ({"text": {"format": {"type": "json_schema", "name": "a"}}}, "text.format.schema"),
     ({"reasoning": "high"}, "reasoning"), ({"include": "a"}, "include"),
     ({"include": [1]}, "include[0]"), ({"store": 1}, "store"),
     ({"truncation": "x"}, "truncation")],
    ids=str,
)  # fmt: skip
def test_a_field_that_cant_be_read_is_named(fields, field):
    assert refused(**fields).field == field


# Anything.

json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-2, 2) | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=2)
    | st.dictionaries(st.sampled_from(["type", "role", "content", "text", "id", "name"]), inner),
    max_leaves=6,
)
kinds = st.sampled_from(["message", "function_call", "function_call_output", "reasoning",
                         "item_reference", "input_text", "output_text", "input_image",
                         "input_file", "refusal", "function", "json_schema", None])  # fmt: skip
parts = st.fixed_dictionaries({"type": kinds}, optional={"text": json_values, "file_id": st.text()})
items = st.fixed_dictionaries(
    {"type": kinds},
    optional={
        "role": st.sampled_from(["user", "assistant", "developer", "tool", None, 1]),
        "content": st.text(max_size=3) | st.lists(parts, max_size=2) | json_values,
        "call_id": json_values,
        "name": json_values,
        "arguments": json_values,
        "output": st.text(max_size=3) | st.lists(parts, max_size=2),
        "id": json_values,
    },
)
NAMES = [*NULLS, "input", "stream", "model", "metadata"]
requests = st.dictionaries(
    st.sampled_from(NAMES), json_values | st.lists(items, max_size=3), max_size=4
)


@given(requests | st.builds(lambda value: {"input": value}, st.lists(items, max_size=4)))
def test_any_request_is_read_or_refused_in_the_words_of_this_api(fields):
    try:
        read = PROTOCOL.read(ClientRequest(fields)).fields
        parse_chat(read, ["gemma"], "gemma", RequestLimits(1000))
    except RequestError as error:
        error.rename_field(PROTOCOL.field_names)
        outermost = (error.field or "").partition(".")[0].partition("[")[0]
        assert outermost in {*NAMES, "input"}

"""A client's request becomes a request for a model; each error names its field."""

from __future__ import annotations

import json
from typing import Any, Dict

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flask_llmstream.errors import RequestError, RequestTooLarge, UnknownModel
from flask_llmstream.protocols.completion import ChatRequest, parse_chat
from flask_llmstream.protocols.event_source import parse_query
from flask_llmstream.protocols.fields import CHECKS
from flask_llmstream.protocols.json_body import parse_json
from flask_llmstream.protocols.request_limits import MAX_DEPTH, RequestLimits
from flask_llmstream.records import CompletionRequest
from flask_llmstream.sse.json import json_bytes

MODELS = ("gemma", "other", "counter")
HELLO = {"role": "user", "content": "Hello"}
LONGEST = 1000


def parsed(limits: RequestLimits = RequestLimits(LONGEST), **fields: Any) -> ChatRequest:
    return parse_chat(fields, MODELS, "gemma", limits)


def refused(**fields: Any) -> RequestError:
    with pytest.raises(RequestError) as error:
        parsed(**fields)
    assert str(error.value).startswith(f"{error.value.field}: ")
    return error.value


# The body.


@pytest.mark.parametrize("body", [b"", b" \r\n", b"{}", b" {} "])
def test_an_empty_body_is_an_empty_object(body: bytes) -> None:
    assert parse_json(body) == {}


def test_the_body_is_an_object_in_utf_8() -> None:
    body = '{"prompt": "你好", "stop": ["\\ud83d\\ude80"], "n": 1}'
    assert parse_json(body.encode()) == {"prompt": "你好", "stop": ["🚀"], "n": 1}


@pytest.mark.parametrize(
    "sent, read",
    [
        (r"\ud83d\ude80", "🚀"),
        (r"\uD83D\uDE80", "🚀"),
        (r"\ud83d", "\ufffd"),
        (r"\ude80", "\ufffd"),
        (r"\ude80\ud83d", "\ufffd\ufffd"),
        (r"\ud83d\ud83d\ude80", "\ufffd🚀"),
        (r"a\ud83d\n", "a\ufffd\n"),
        (r"\\ud83d", r"\ud83d"),
        (r"\\\ud83d", "\\\ufffd"),
        (r"\ud7ff\ue000", "\ud7ff\ue000"),
    ],
)
def test_half_a_character_is_read_as_the_one_that_stands_for_none(sent: str, read: str) -> None:
    assert parse_json(f'{{"prompt": "{sent}", "{sent}": 1}}'.encode()) == {"prompt": read, read: 1}


def test_a_byte_order_mark_in_utf_8_is_passed_over() -> None:
    assert parse_json(b'\xef\xbb\xbf{"n": 1}') == {"n": 1}  # RFC 8259, section 8.1


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-32-be"])
def test_another_encoding_is_named_with_the_cure(encoding: str) -> None:
    told = f"^the body is not JSON: it is in {encoding[:6].upper()}.*; send it in UTF-8$"
    with pytest.raises(RequestError, match=told):
        parse_json('{"prompt": "Hello"}'.encode(encoding))


@pytest.mark.parametrize(
    "body",
    [
        b"{",
        b"{'prompt': 1}",
        b'{"prompt": "\xff"}',
        '{"prompt": "你好"}'.encode("gb18030"),
        '{"prompt": ""}'.encode("utf-16"),
        b"{}{}",
        b"prompt=hello",
        b"\0",
        b"[" * 100_000,
        b'{"messages": [NaN]}',
        b'{"messages": [-Infinity]}',
    ],
    ids=lambda body: repr(body[:20]),
)
def test_a_body_that_is_no_json_says_so(body: bytes) -> None:
    with pytest.raises(RequestError, match="^the body is not JSON: ") as error:
        parse_json(body)
    assert (error.value.field, error.value.status) == (None, 400)
    assert len(str(error.value)) < 300  # whatever the body was


@pytest.mark.parametrize(
    "body, kind",
    [
        (b"[]", "a list"),
        (b'"text"', "text"),
        (b"null", "null"),
        (b"true", "a boolean"),
        (b"0", "a number"),
        (b"1.5", "a number"),
    ],
)
def test_a_body_that_is_no_object_says_what_it_is(body: bytes, kind: str) -> None:
    with pytest.raises(RequestError, match=f"^the body has to be an object, not {kind}$"):
        parse_json(body)


@given(st.binary(max_size=50))
def test_any_body_is_an_object_or_refused(body: bytes) -> None:
    try:
        assert isinstance(parse_json(body), dict)
    except RequestError as error:
        assert error.status == 400


# The fields.


def test_a_prompt_is_for_the_default_model() -> None:
    assert parsed(prompt="Hello") == ChatRequest(CompletionRequest("gemma", "Hello"))


@pytest.mark.parametrize("prompt", [" ", "\n", "\t"])
def test_white_space_can_be_continued(prompt: str) -> None:
    assert parsed(prompt=prompt).completion.prompt == prompt


def test_a_model_can_be_named() -> None:
    assert parsed(prompt="Hello", model="other").completion.model == "other"


@pytest.mark.parametrize("fields", [{}, {"model": "counter"}, {"prompt": None, "messages": None}])
def test_who_asks_nothing_gets_the_counter(fields: Dict[str, Any]) -> None:
    assert parsed(**fields) == ChatRequest(CompletionRequest("counter"))


def test_the_counter_can_be_asked_something() -> None:
    assert parsed(model="counter", prompt="Hello").completion.model == "counter"


def test_a_model_that_is_asked_nothing_needs_a_prompt() -> None:
    error = refused(model="other")
    assert (error.field, error.status) == ("prompt", 400)
    assert "'other'" in str(error)


def test_an_unknown_model_is_not_found() -> None:
    error = refused(model="gpt-9", prompt="Hello")
    assert isinstance(error, UnknownModel)
    assert (error.field, error.status) == ("model", 404)
    assert "'gpt-9'" in str(error)


def test_messages_speak_openai_and_come_whole() -> None:
    chat = parsed(messages=[HELLO])
    assert chat == ChatRequest(CompletionRequest("gemma", None, (HELLO,)), True, stream=False)


def test_messages_can_be_streamed_with_their_counts() -> None:
    chat = parsed(messages=[HELLO], stream=True, stream_options={"include_usage": True})
    assert (chat.speaks_openai, chat.stream, chat.include_usage) == (True, True, True)


@pytest.mark.parametrize("options", [{}, {"include_usage": False}, None])
def test_counts_come_only_when_they_are_asked_for(options: Any) -> None:
    assert not parsed(messages=[HELLO], stream=True, stream_options=options).include_usage


def test_a_prompt_is_always_streamed() -> None:
    assert parsed(prompt="Hello", stream=True).stream
    assert refused(prompt="Hello", stream=False).field == "stream"


@pytest.mark.parametrize("content", ["", "Hello", [{"type": "text", "text": "Hello"}]])
def test_a_message_holds_text_or_parts(content: Any) -> None:
    message = {"role": "user", "content": content}
    assert parsed(messages=[message]).completion.messages == (message,)


def test_a_message_is_passed_on_as_it_came() -> None:
    message = {"role": "developer", "content": "Be brief.", "name": "ada"}
    assert parsed(messages=[message, HELLO]).completion.messages == (message, HELLO)


def test_the_model_s_options_are_passed_on_as_they_came() -> None:
    options = {
        "max_tokens": 1,
        "max_completion_tokens": 2**53,
        "temperature": 2,
        "top_p": 0.0,
        "presence_penalty": -2,
        "frequency_penalty": 1.5,
        "seed": -(2**63),
        "stop": ["END"],
        "user": "ada",
    }
    assert parsed(prompt="Hello", **options).completion.options == options


def test_what_is_null_was_not_given() -> None:
    chat = parsed(prompt="Hello", temperature=None, model=None, stream=None, stop=None)
    assert chat == ChatRequest(CompletionRequest("gemma", "Hello"))


def test_one_answer_is_what_there_is() -> None:
    assert parsed(prompt="Hello", n=1).completion.options == {}
    assert refused(prompt="Hello", n=2).field == "n"


@pytest.mark.parametrize("stop", ["END", "\n", "\n\n", " ", ["\n", ""], ["a"] * 17])
def test_an_answer_can_stop_at_any_text(stop: Any) -> None:
    assert parsed(prompt="Hello", stop=stop).completion.options == {"stop": stop}


# The length.


@pytest.mark.parametrize("character", ["a", "你", "🚀", '"'])
def test_a_prompt_has_as_many_characters_as_it_has(character: str) -> None:
    assert parsed(prompt=character * LONGEST).completion.prompt == character * LONGEST
    error = refused(prompt=character * (LONGEST + 1))
    told = "1001 characters are over the limit of 1000 (LLMSTREAM_MAX_PROMPT_CHARS)"
    assert str(error) == f"prompt: {told}"


@pytest.mark.parametrize("character", ["a", "你", "🚀"])
def test_messages_count_like_a_prompt_whatever_their_language(character: str) -> None:
    message = {"role": "user", "content": character * (LONGEST - 100)}
    assert parsed(messages=[message]).completion.messages == (message,)


def test_messages_count_together() -> None:
    half = {"role": "user", "content": "a" * (LONGEST // 2)}
    assert parsed(messages=[half])
    error = refused(messages=[half, half])
    assert error.field == "messages"
    assert "over the limit of 1000" in str(error)


@pytest.mark.parametrize("name", ["response_format", "metadata", "stop", "user"])
def test_what_else_a_model_may_read_counts_with_it(name: str) -> None:
    text = "a" * LONGEST
    value = text if name in ("stop", "user") else {"text": text}
    error = refused(prompt="Hello", **{name: value})
    assert error.field == name and "over the limit of 1000" in str(error)
    assert parsed(prompt="a" * LONGEST, temperature=1, stream=True, model="other")


# Fields that can be sent on.


@pytest.mark.parametrize("field", ["metadata", "logit_bias", "response_format"])
@pytest.mark.parametrize("number", ["1e400", "-1e400", "[0, {\"b\": 1E999}]"])
def test_a_number_that_json_has_not_is_named_by_its_place(field: str, number: str) -> None:
    fields = parse_json(f'{{"prompt": "Hello", "{field}": {{"a": {number}}}}}'.encode())
    error = refused(**fields)
    assert (error.field, error.status) == (field, 400)
    assert f"{field}.a" in str(error)


def test_such_a_number_in_a_message_is_named_by_its_place_too() -> None:
    fields = parse_json(b'{"messages": [{"role": "user", "content": "Hello", "at": 1e400}]}')
    assert "messages[0].at" in str(refused(**fields))


def nested(depth: int) -> str:
    return "[" * depth + "]" * depth


def test_what_is_nested_is_passed_on_to_a_depth_that_any_encoder_takes() -> None:
    for opened, closed in (("[", "]"), ('{"a":', "}")):
        text = opened * (MAX_DEPTH - 1) + "[]" + closed * (MAX_DEPTH - 1)
        fields = parse_json(f'{{"prompt": "Hello", "metadata": {text}}}'.encode())
        assert parsed(**fields).completion.options["metadata"]
        fields = parse_json(f'{{"prompt": "Hello", "metadata": [{text}]}}'.encode())
        assert refused(**fields).field == "metadata"


@pytest.mark.parametrize("depth", [MAX_DEPTH + 1, 500, 900, 950, 977, 985, 10_000])
@pytest.mark.parametrize("field", ["metadata", "messages"])
def test_what_is_nested_more_deeply_is_refused_however_deeply(field: str, depth: int) -> None:
    held = {"metadata": "{}", "messages": '[{{"role": "user", "content": {}}}]'}[field]
    text = f'{{"{field}": {held.format(nested(depth))}}}'
    with pytest.raises(RequestError) as error:
        parsed(**parse_json(text.encode()))
    assert error.value.status == 400 and error.value.field in (field, None)


@pytest.mark.parametrize("sign", ["", "-"])
def test_a_number_of_too_many_digits_is_no_number(sign: str) -> None:
    assert parse_json(f'{{"seed": {sign}{"7" * 999}}}'.encode())
    with pytest.raises(RequestError, match="more than 1000 digits"):
        parse_json(f'{{"seed": {sign}{"7" * 1001}}}'.encode())


def test_of_two_fields_of_one_name_the_last_is_checked_and_passed_on() -> None:
    fields = parse_json(b'{"max_tokens": "many", "prompt": "a", "max_tokens": 7}')
    assert parsed(**fields).completion.options == {"max_tokens": 7}


@pytest.mark.parametrize(
    "prompt, sent", [("\ud83d" + "你" * 10, 46), ("你" * 10, 43)], ids=["half a character", "whole"]
)
def test_its_bytes_are_counted_as_they_are_passed_on(prompt: str, sent: int) -> None:
    assert parsed(RequestLimits(LONGEST, body_bytes=sent), prompt=prompt)
    with pytest.raises(RequestTooLarge, match=f"over the limit of {sent - 1} bytes"):
        parsed(RequestLimits(LONGEST, body_bytes=sent - 1), prompt=prompt)


# The cap on tokens.

CAPPED = RequestLimits(LONGEST, tokens=100)


@pytest.mark.parametrize("name", ["max_tokens", "max_completion_tokens"])
@pytest.mark.parametrize("asked, given", [(1, 1), (100, 100), (101, 100), (1_000_000, 100)])
def test_nobody_gets_more_tokens_than_there_may_be(name: str, asked: int, given: int) -> None:
    completion = parsed(CAPPED, prompt="Hello", **{name: asked}).completion
    assert (completion.options, completion.max_tokens) == ({name: given}, 100)


def test_who_asks_for_none_is_told_the_cap_apart() -> None:
    completion = parsed(CAPPED, prompt="Hello", max_tokens=None, temperature=1).completion
    assert (completion.options, completion.max_tokens) == ({"temperature": 1}, 100)


def test_without_a_cap_there_is_none() -> None:
    completion = parsed(prompt="Hello", max_tokens=1_000_000).completion
    assert (completion.options, completion.max_tokens) == ({"max_tokens": 1_000_000}, None)


@pytest.mark.parametrize("wrong", ["7", 7.5, 2**53 + 1, 1e400, True, [7], {"at": 7}])
@pytest.mark.parametrize("name", ["max_tokens", "max_completion_tokens"])
def test_a_wish_that_is_no_number_of_tokens_is_refused(name: str, wrong: Any) -> None:
    with pytest.raises(RequestError, match=f"^{name}: "):
        parsed(CAPPED, prompt="Hello", **{name: wrong})


@pytest.mark.parametrize("name", ["max_tokens", "max_completion_tokens"])
def test_minus_one_and_nought_say_no_limit_and_the_cap_holds(name: str) -> None:
    for limits, most in ((CAPPED, 100), (RequestLimits(LONGEST), None)):
        for nothing in (-1, 0, -1.0):
            completion = parsed(limits, prompt="Hello", **{name: nothing}).completion
            assert (completion.options, completion.max_tokens) == ({}, most)


def test_json_has_one_kind_of_number() -> None:
    options = parsed(prompt="Hello", max_tokens=256.0, seed=7.0, n=1.0).completion.options
    assert options == {"max_tokens": 256, "seed": 7}
    assert type(options["max_tokens"]) is int


# Refusals.

NOT_A_TEXT = [7, True, [], {}]
NOT_A_NUMBER = ["1", True, [], {}]
NOT_A_FLAG = ["true", 1, 0, [], {}]


@pytest.mark.parametrize(
    "field, value",
    [
        *[(text, wrong) for text in ("prompt", "model", "user") for wrong in NOT_A_TEXT],
        ("prompt", ""),
        *[("stream", wrong) for wrong in NOT_A_FLAG],
        *[(n, wrong) for n in ("max_tokens", "max_completion_tokens") for wrong in NOT_A_NUMBER],
        *[(n, wrong) for n in ("max_tokens", "max_completion_tokens") for wrong in (1.5, 10**17)],
        *[(n, wrong) for n in ("temperature", "top_p") for wrong in NOT_A_NUMBER],
        *[(n, float("nan")) for n in ("temperature", "top_p", "presence_penalty")],
        *[("seed", wrong) for wrong in (1.5, "7", float("inf"))],
        *[("stop", wrong) for wrong in (7, True, ["a", None], ["a", 7], {}, {"a": "b"})],
        *[("n", wrong) for wrong in (0, 2, True, 1.5)],
        *[("stream_options", wrong) for wrong in (True, [], "include_usage")],
        *[("messages", wrong) for wrong in ([], {}, "Hello", 7, True)],
    ],
    ids=str,
)
def test_a_wrong_field_is_named(field: str, value: Any) -> None:
    fields = {"prompt": "Hello", "messages": None, field: value}
    error = refused(**fields)
    assert (error.field, error.status) == (field, 400)


@pytest.mark.parametrize(
    "message, field",
    [
        ("Hello", "messages[1]"),
        (None, "messages[1]"),
        ([HELLO], "messages[1]"),
        ({}, "messages[1].role"),
        ({"content": "Hello"}, "messages[1].role"),
        ({"role": "", "content": "Hello"}, "messages[1].role"),
        ({"role": 7, "content": "Hello"}, "messages[1].role"),
        ({"role": "user"}, "messages[1].content"),
        ({"role": "user", "content": None}, "messages[1].content"),
        ({"role": "user", "content": {}}, "messages[1].content"),
    ],
    ids=str,
)
def test_a_wrong_message_is_named_by_its_place(message: Any, field: str) -> None:
    assert refused(messages=[HELLO, message]).field == field


@pytest.mark.parametrize("value", ["true", 1, [], {}])
def test_a_wrong_part_of_an_option_is_named(value: Any) -> None:
    error = refused(messages=[HELLO], stream_options={"include_usage": value})
    assert error.field == "stream_options.include_usage"


def test_a_prompt_and_messages_are_one_too_many() -> None:
    assert refused(prompt="Hello", messages=[HELLO]).field == "prompt"


def test_wrong_types_are_told_in_words() -> None:
    assert str(refused(prompt=[])) == "prompt: has to be text, not a list"
    assert str(refused(stream="true")) == "stream: has to be true or false, not text"
    assert str(refused(temperature={})) == "temperature: has to be a number, not an object"
    assert str(refused(messages=[None])) == "messages[0]: has to be an object, not null"


@pytest.mark.parametrize(
    "text",
    ["x" * 100_000, "x\nERROR a forged line of the log", "\ud83d"],
    ids=["long", "two lines", "half a character"],
)
def test_an_error_repeats_little_of_what_was_sent_and_only_what_can_be_printed(text: str) -> None:
    for fields in ({text: 1}, {"model": text, "prompt": "Hello"}):
        with pytest.raises(RequestError) as error:
            parsed(**fields)
        message = str(error.value)
        assert message.isprintable() and len(message) < 300


# The query of an EventSource.


def test_a_query_is_text_and_numbers() -> None:
    query = {"prompt": "Hello", "model": "7", "stop": "1", "seed": "-7", "temperature": "0.5"}
    fields = {"prompt": "Hello", "model": "7", "stop": "1", "seed": -7, "temperature": 0.5}
    assert parse_query(query) == fields


@pytest.mark.parametrize(
    "field, text, value",
    [
        ("max_tokens", "7", 7),
        ("max_completion_tokens", "7", 7),
        ("temperature", "1.5", 1.5),
        ("top_p", "1", 1),
        ("presence_penalty", "-2", -2),
        ("frequency_penalty", "0.5", 0.5),
        ("seed", "7", 7),
    ],
)
def test_each_number_can_be_given_in_a_query(field: str, text: str, value: float) -> None:
    chat = parsed(**parse_query({"prompt": "Hello", field: text}))
    assert chat.completion.options == {field: value}


@pytest.mark.parametrize("field", ["max_tokens", "seed", "temperature", "top_p"])
@pytest.mark.parametrize("text", ["", "many", "1,5", "0x7", "7" * 100_000 + "x"], ids=range(5))
def test_a_number_that_is_none_is_named(field: str, text: str) -> None:
    with pytest.raises(RequestError, match=f"^{field}: has to be a number, not ") as error:
        parse_query({field: text})
    assert error.value.field == field
    assert len(str(error.value)) < 300


@pytest.mark.parametrize("text", ["nan", "inf", "-inf", "1e999"])
def test_a_number_json_does_not_have_is_out_of_range(text: str) -> None:
    with pytest.raises(RequestError) as error:
        parsed(**parse_query({"prompt": "Hello", "temperature": text}))
    assert error.value.field == "temperature"


@pytest.mark.parametrize("field", ["max_tokens", "temperature"])
@pytest.mark.parametrize("text", ["1_000", " 7", "٧", "７", "0b1", "--1", "+", "."])
def test_a_number_that_only_python_reads_is_none(field: str, text: str) -> None:
    with pytest.raises(RequestError, match=f"^{field}: has to be a number, not "):
        parse_query({field: text})


@pytest.mark.parametrize("field", ["stream", "logprobs", "parallel_tool_calls", "store"])
@pytest.mark.parametrize("text", ["", "null", "True", "1", "yes"])
def test_a_flag_that_is_none_is_named(field: str, text: str) -> None:
    with pytest.raises(RequestError, match=f"^{field}: has to be true or false, not "):
        parse_query({field: text})


def test_a_whole_number_with_a_fraction_is_named() -> None:
    with pytest.raises(RequestError, match="^max_tokens: has to be a"):
        parsed(**parse_query({"prompt": "Hello", "max_tokens": "1.5"}))


def test_an_empty_query_is_an_empty_object() -> None:
    assert parse_query({}) == {}


# Any fields.

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters()),
    lambda inside: st.lists(inside, max_size=3)
    | st.dictionaries(st.sampled_from(["role", "content"]) | st.text(), inside, max_size=3),
    max_leaves=8,
)
NAMES = ["prompt", "messages", "model", "stream", "stream_options", "max_tokens", "stop", "n"]
NAMES += ["temperature", "top_p", "presence_penalty", "seed", "user"]


@given(st.dictionaries(st.sampled_from(NAMES) | st.text(max_size=3), json_values, max_size=4))
def test_any_object_is_a_request_or_refused_by_a_field(fields: Dict[str, Any]) -> None:
    try:
        chat = parse_chat(fields, MODELS, "gemma", RequestLimits(LONGEST))
    except RequestError as error:
        assert error.field is not None
        assert error.status in (400, 404)
    else:
        assert chat.completion.model in MODELS
        assert len(chat.completion.prompt or "") <= LONGEST


@given(st.dictionaries(st.sampled_from([*NAMES, "metadata", "stop"]), json_values, max_size=4))
def test_whatever_is_taken_can_be_passed_on(fields: Dict[str, Any]) -> None:
    limits = RequestLimits(LONGEST, body_bytes=500, tokens=100)
    try:
        completion = parse_chat(fields, MODELS, "gemma", limits).completion
    except RequestError:
        return
    passed_on = {"prompt": completion.prompt, "messages": completion.messages, **completion.options}
    assert len(json_bytes({name: value for name, value in passed_on.items() if value})) <= 500
    json.dumps(passed_on, allow_nan=False)


@pytest.mark.parametrize("text, value", [("true", True), ("false", False)])
@pytest.mark.parametrize("field", ["stream", "logprobs", "parallel_tool_calls", "store"])
def test_flags_of_a_query_are_read_as_such(field: str, text: str, value: bool) -> None:
    assert parse_query({field: text}) == {field: value}


def test_what_is_not_known_stays_text() -> None:
    query = {"guided_regex": "[0-9]+", "prompt_cache_key": "k", "reasoning": "true"}
    assert parse_query(query) == query


@pytest.mark.parametrize(
    "name",
    [
        *("format", "lastEventId", "Last-Event-ID", "last_event_id"),  # about the stream
        *("_", "_t", "r", "t", "ts", "nocache", "cb", "evs_preamble"),  # of polyfills, and jQuery
        *("token", "access_token", "api_key", "key", "ticket", "session_id", "X-Signature", "jwt"),
    ],
)
def test_what_is_for_the_stream_for_a_cache_or_for_a_guard_is_not_for_a_model(name: str) -> None:
    assert parse_query({"prompt": "Hello", name: "secret"}) == {"prompt": "Hello"}


@pytest.mark.parametrize("name", ["prompt_cache_key", "logit_bias", "priority", "timeout", "top_k"])
def test_what_only_looks_alike_is(name: str) -> None:
    assert name in parse_query({name: "7"})


# Who asks in other words.


@pytest.mark.parametrize("name", ["promt", "input", "提示", "query", "x" * 1000])
def test_a_question_in_a_field_that_is_not_known_is_not_answered_by_counting(name: str) -> None:
    error = refused(**{name: "Hello"})
    assert error.field == "messages"
    assert str(error).startswith("messages: give messages, or a prompt; there is no field '")
    assert len(str(error)) < 300


def test_an_empty_name_of_a_model_names_the_default() -> None:
    assert parsed(prompt="Hello", model="").completion.model == "gemma"


@pytest.mark.parametrize("role", ["assistant", "tool", "function", "critic"])
@pytest.mark.parametrize("message", [{"content": None}, {}], ids=str)
def test_a_message_that_is_no_question_may_have_no_content(
    role: str, message: Dict[str, Any]
) -> None:
    message = {"role": role, **message}
    assert parsed(messages=[HELLO, message]).completion.messages == (HELLO, message)


OPENAI = (
    *("audio", "frequency_penalty", "function_call", "functions", "logit_bias", "logprobs"),
    *("max_completion_tokens", "max_tokens", "messages", "metadata", "modalities", "model"),
    *("moderation", "n", "parallel_tool_calls", "prediction", "presence_penalty"),
    *("prompt_cache_key", "prompt_cache_options", "prompt_cache_retention", "reasoning_effort"),
    *("response_format", "safety_identifier", "seed", "service_tier", "stop", "store", "stream"),
    *("stream_options", "temperature", "tool_choice", "tools", "top_logprobs", "top_p", "user"),
    *("verbosity", "web_search_options"),
)
"""The members of ``CreateChatCompletionRequest`` in OpenAI's description of its API."""


def test_every_field_of_openai_s_is_known() -> None:
    assert set(OPENAI) <= CHECKS.keys()


@pytest.mark.parametrize("name", sorted({*OPENAI} - {"messages"}))
def test_null_asks_for_nothing(name: str) -> None:
    assert parsed(messages=[HELLO], **{name: None}).completion.options == {}

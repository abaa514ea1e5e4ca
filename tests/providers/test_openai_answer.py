"""``Answer``: what the parts of an answer say becomes text and deltas, and nothing is lost."""

from __future__ import annotations

import json

import pytest

from flask_llmstream.deltas import Delta
from flask_llmstream.providers.openai.answer import Answer
from tests.providers.openai_parts import delta_of, part, pieces, read_all, text_of, whole


def test_text_alone_is_a_str():
    assert pieces(part({"content": "Hel"}), part({"content": "lo"})) == ["Hel", "lo"]


@pytest.mark.parametrize(
    "same",
    [
        part({"role": "assistant", "content": "x"}, created=1),
        part({"content": "x", "reasoning_content": None, "tool_calls": [], "refusal": ""}),
        part({"content": "x"}, choice={"logprobs": None}, usage=None, service_tier=None),
        part({"content": "x"}, choice={"text": "x"}),
        {"choices": [{"text": "x", "logprobs": None}]},
    ],
)
def test_members_that_say_nothing_leave_it_a_str(same):
    assert pieces(same, json.loads(json.dumps(same))) == ["x", "x"]


@pytest.mark.parametrize("noise", [{"created": 2}, {"obfuscation": "q7"}, {"id": "d"}])
def test_nor_does_a_clock_or_noise_make_it_more(noise):
    assert pieces(part({"content": "a"}), part({"content": "b"}, **noise)) == ["a", "b"]


def test_a_member_of_the_part_is_said_once_for_each_value():
    parts = [part({"content": text}, system_fingerprint=name) for text, name in
             (("a", "f1"), ("b", "f1"), ("c", "f2"), ("d", "f2"))]  # fmt: skip
    assert pieces(*parts) == [
        Delta(chunk_extra={"system_fingerprint": "f1"}), "a", "b",
        Delta(chunk_extra={"system_fingerprint": "f2"}), "c", "d",
    ]  # fmt: skip


def test_a_member_of_the_choice_is_said_once_for_each_value():
    safe = {"content_filter_results": {"hate": {"filtered": False}}}
    parts = [part({"content": text}, choice=safe) for text in "ab"]
    assert pieces(*parts) == [Delta(choice_extra=safe), "a", "b"]


def test_a_list_in_the_choice_belongs_to_its_part():
    parts = [part({"content": text}, choice={"token_ids": [7]}) for text in "aa"]
    assert pieces(*parts) == [Delta(choice_extra={"token_ids": [7]}), "a"] * 2


@pytest.mark.parametrize("name", ["reasoning_content", "reasoning", "reasoning_text", "thinking"])
def test_reasoning_keeps_its_servers_name(name):
    delta = delta_of(part({"content": None, name: "hm"}))
    assert (delta.reasoning, delta.as_json()) == ("hm", {name: "hm"})


def test_reasoning_under_two_names_goes_out_under_both():
    delta = delta_of(part({"reasoning": "hm", "reasoning_content": "hm"}))
    assert delta.reasoning == "hm"
    assert delta.as_json() == {"reasoning": "hm", "reasoning_content": "hm"}


def test_a_refusal_is_one():
    assert delta_of(part({"content": None, "refusal": "I can't"})) == Delta(refusal="I can't")


def test_log_probabilities_stay_with_their_text():
    logprobs = {"content": [{"token": "a", "logprob": -0.5}]}
    delta = delta_of(part({"content": "a"}, choice={"logprobs": logprobs}))
    assert delta == Delta(text="a", logprobs=logprobs)


@pytest.mark.parametrize("empty", [None, {}, [], "", {"content": None, "refusal": []}])
def test_empty_ones_say_nothing(empty):
    assert pieces(part({"content": "a"}, choice={"logprobs": empty})) == ["a"]


def test_annotations_are_kept():
    note = {"type": "url_citation", "url_citation": {"url": "http://x"}}
    assert delta_of(part({"annotations": [note]})) == Delta(annotations=(note,))


@pytest.mark.parametrize(
    "name, value",
    [
        ("audio", {"id": "a", "data": "UklGRg=="}),
        ("images", [{"type": "image_url", "image_url": {"url": "data:,x"}}]),
        ("function_call", {"name": "f", "arguments": ""}),
        ("reasoning_details", [{"type": "reasoning.text", "text": "hm"}]),
        ("extra_content", {"google": {"thought": True}}),
        ("annotations", {"of": "another type"}),
        ("reasoning_content", {"of": "another type"}),
        ("unknown", 0),
    ],
)
def test_any_other_member_is_given_back_as_it_came(name, value):
    delta, text = pieces(part({"content": "a", name: value}))
    assert (delta.as_json(), text) == ({name: value}, "a")


def test_text_stays_text_and_the_other_members_of_its_part_stay_together():
    delta, text = pieces(part({"content": "a", "reasoning": "b", "refusal": "c"}, provider="p"))
    assert text == "a"
    assert delta == Delta(
        reasoning="b", refusal="c", reasoning_name="reasoning", chunk_extra={"provider": "p"}
    )


def test_calls_of_tools_come_behind_the_text_of_their_part():
    call = {"index": 0, "id": "a", "function": {"name": "f", "arguments": "{}"}}
    text, delta = pieces(part({"content": "a", "tool_calls": [call]}))
    assert (text, delta.tool_calls[0].name) == ("a", "f")


@pytest.mark.parametrize("index", [None, 0, 0.0, -1, "0", "first", {}])
def test_the_first_choice_is_that_without_a_higher_index(index):
    assert pieces({"choices": [None, {"index": index, "delta": {"content": "a"}}]}) == ["a"]


@pytest.mark.parametrize("text", ["", "other"])
def test_another_choice_is_never_taken_for_it(text):
    other = {"choices": [{"index": 1, "delta": {"content": text}}]}
    later = {"choices": [{"index": 1, "delta": {"content": "other"}}]}
    assert pieces(other, later, part({"content": "a"})) == ["a"]


PARTS = [{"type": "reference", "reference_ids": [3]}, {"type": "text", "text": "Paris"}]


def test_content_in_parts_is_its_texts():
    assert pieces(part({"content": [{"type": "text", "text": "a"}, "b", {"text": "c"}]})) == ["abc"]


def test_parts_that_are_no_text_come_before_it():
    assert pieces(part({"content": PARTS})) == [Delta(extra={"content_parts": PARTS[:1]}), "Paris"]


def test_thinking_parts_are_reasoning():
    thinking = {"type": "thinking", "thinking": [{"type": "text", "text": "Let me see."}]}
    assert pieces(part({"content": [thinking]})) == [Delta(reasoning="Let me see.")]


def test_a_signature_of_a_part_is_kept():
    thinking = {"type": "thinking", "thinking": "hm", "signature": "s"}
    kept = {"type": "thinking", "signature": "s"}
    delta = Delta(reasoning="hm", extra={"content_parts": [kept]})
    assert pieces(part({"content": [thinking]})) == [delta]


def test_a_refusal_may_be_a_part():
    refusal = [{"type": "refusal", "refusal": "no"}]
    assert pieces(part({"content": refusal})) == [Delta(refusal="no")]


@pytest.mark.parametrize("content", [{"type": "text", "text": "a"}, {"text": {"value": "a"}}])
def test_one_part_may_stand_without_its_list(content):
    assert pieces(part({"content": content})) == ["a"]


@pytest.mark.parametrize(
    "broken, name",
    [
        ([1], "object"),
        (7, "object"),
        ("text", "object"),
        ({"choices": {"delta": {}}}, "choices"),
        ({"choices": "text"}, "choices"),
        ({"choices": [7]}, "choices"),
        (part(choice={"delta": "text"}), "delta"),
        (part(choice={"delta": ["text"]}), "delta"),
        (part(choice={"message": 7}), "message"),
        (part({"content": 7}), "content"),
        (part({"content": True}), "content"),
        (part({"content": {"answer": 42}}), "content"),
        (part({"content": [7]}), "content"),
        (part({"content": [{"type": "text", "text": 7}]}), "text"),
        (part({"refusal": True}), "refusal"),
        (part({"tool_calls": "f()"}), "tool_calls"),
        (part({"tool_calls": [7]}), "tool_calls"),
        ({"choices": [{"text": 7}]}, "content"),
    ],
)
def test_what_every_reader_must_see_is_never_guessed(broken, name):
    with pytest.raises(ValueError, match=name):
        pieces(broken)


@pytest.mark.parametrize(
    "nothing",
    [
        None, "", {}, {"type": "ping", "cost": "0"}, {"type": "keepalive", "id": "c"},
        {"choices": None}, {"choices": []}, {"choices": [None]}, {"choices": [{}]},
        {"id": "c", "object": "chat.completion.chunk", "model": "m"},
        {"status": "processing"}, part(choice={"delta": None}), part({"role": ""}),
    ],
)  # fmt: skip
def test_what_is_no_part_of_an_answer_says_nothing(nothing):
    answer = Answer()
    assert read_all(answer, nothing) == []
    assert not answer.has_said_anything


def test_members_beside_empty_choices_are_kept():
    filtered = {"choices": [], "prompt_filter_results": [{"prompt_index": 0}]}
    assert delta_of(filtered).chunk_extra == {"prompt_filter_results": [{"prompt_index": 0}]}


DELTAS = [part({"content": "Once "}), part({"content": "upon a time."})]


@pytest.mark.parametrize("delta", [{}, {"delta": {}}, {"delta": None}])
def test_a_message_behind_the_deltas_is_not_said_twice(delta):
    last = whole({"role": "assistant", "content": "Once upon a time."})
    last["choices"][0].update(delta)
    assert text_of(*DELTAS, last) == "Once upon a time."


def test_its_rest_is_news():
    last = whole({"content": "Once upon a time. The end.", "annotations": [{"type": "x"}]})
    assert pieces(*DELTAS, last)[-2:] == [Delta(annotations=({"type": "x"},)), " The end."]


def test_nor_are_its_reasoning_and_its_calls():
    call = {"id": "a", "type": "function", "function": {"name": "f", "arguments": "{}"}}
    said = part({"reasoning": "hm", "tool_calls": [{"index": 0, **call}], "content": "x"})
    last = whole({"reasoning_content": "hm", "tool_calls": [call]})
    assert pieces(said, last) == pieces(said)


def test_messages_may_take_the_place_of_deltas():
    assert text_of(whole({"content": "Hel"}), whole({"content": "lo"})) == "Hello"


def test_each_message_may_be_the_answer_so_far():
    assert text_of(whole({"content": "Hel"}), whole({"content": "Hello"})) == "Hello"


def test_a_whole_answer_is_read_by_the_same_rules():
    message = {
        "role": "assistant", "content": None, "refusal": None, "annotations": [],
        "tool_calls": [{"id": i, "type": "function", "function": {"name": i, "arguments": "{}"}}
                       for i in "ab"],
    }  # fmt: skip
    delta = delta_of(whole(message, system_fingerprint="f"))
    assert [(call.index, call.id) for call in delta.tool_calls] == [(0, "a"), (1, "b")]
    assert delta.chunk_extra == {"system_fingerprint": "f"}


@pytest.mark.parametrize("none", [None, "", " ", "null", "None", 7, ["stop"], {"type": "stop"}])
def test_what_is_no_word_is_no_reason(none):
    answer = Answer()
    read_all(answer, part({"content": "a"}, none))
    assert answer.finish_reason is None


def test_without_a_reason_calls_are_one():
    answer = Answer()
    read_all(answer, part({"tool_calls": [{"id": "a", "function": {"name": "f"}}]}))
    assert answer.usage.finish_reason == "tool_calls"

"""``Answer``: each event of the Messages API becomes text or deltas, and nothing is lost."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flask_llmstream.deltas import Delta, DeltaSum, ToolCallDelta
from flask_llmstream.formats.finish_reasons import finish_reason_of
from flask_llmstream.providers.anthropic_messages.answer import Answer
from flask_llmstream.records import Usage
from tests.providers.anthropic_events import (
    PING,
    STOP,
    begin,
    end,
    last,
    news,
    pieces,
    read_all,
    start,
    text_block,
    thinking_block,
    tool_block,
    whole,
)
from tests.providers.any_json import json_values


def call(index=0, **fields):
    return Delta(tool_calls=(ToolCallDelta(index, **fields),))


def test_text_is_a_str_for_each_event():
    assert pieces(*whole(text_block("Hel", "lo"))) == ["Hel", "lo"]


@pytest.mark.parametrize("text", ["", None])
def test_a_text_that_says_nothing_is_none(text):
    block = {"type": "text", "text": text}
    assert pieces(start(), begin(block), news("text_delta", text=text)) == []


def test_text_may_stand_in_the_start_of_its_block():
    assert pieces(begin({"type": "text", "text": "Hel"}), news("text_delta", text="lo")) == [
        "Hel", "lo",
    ]  # fmt: skip


@pytest.mark.parametrize("index", [0, 3, None])
def test_a_block_whose_start_is_missing_is_read(index):
    event = dict(news("text_delta", text="a"), index=index)
    assert pieces(start(), event, event) == ["a", "a"]
    assert pieces(start(), news("thinking_delta", thinking="hm")) == [Delta(reasoning="hm")]


def test_members_beside_the_text_leave_it_a_str():
    assert pieces(begin({"type": "text"}), news("text_delta", text="a", safe=True)) == [
        Delta(extra={"safe": True}), "a",
    ]  # fmt: skip
    assert pieces(begin({"type": "text"}), dict(news("text_delta", text="a"), trace="t")) == [
        Delta(chunk_extra={"trace": "t"}), "a",
    ]  # fmt: skip


def test_thinking_is_reasoning_and_comes_whole_when_it_is_signed():
    block = {"type": "thinking", "thinking": "Let me", "signature": "sig"}
    assert pieces(*thinking_block("Let", " me")) == [
        Delta(reasoning="Let"),
        Delta(reasoning=" me"),
        Delta(extra={"thinking_blocks": [{"index": 0, **block}]}),
    ]


def test_thinking_that_nobody_signed_is_reasoning_alone():
    assert pieces(*thinking_block("hm", signature="")) == [Delta(reasoning="hm")]


def test_thinking_that_is_not_shown_is_kept_for_the_next_request():
    block = {"type": "redacted_thinking", "data": "secret"}
    hidden = [begin(block), end(0), *thinking_block(index=1)]
    assert pieces(*hidden) == [
        Delta(extra={"thinking_blocks": [{"index": 0, **block}]}),
        Delta(extra={"thinking_blocks": [
            {"index": 1, "type": "thinking", "thinking": "", "signature": "sig"}]}),
    ]  # fmt: skip


def test_a_call_of_a_tool_comes_in_fragments():
    assert pieces(*tool_block("weather", "", '{"city":', ' "Oslo"}')) == [
        call(id="toolu_0", name="weather", arguments=""),
        call(arguments='{"city":'),
        call(arguments=' "Oslo"}'),
    ]


def test_calls_are_numbered_among_themselves():
    both = [*tool_block("a", "{}", index=1), *tool_block("b", index=2)]
    answer = pieces(*text_block("Well."), *both)
    assert [(c.index, c.name) for d in answer[1:] for c in d.tool_calls if c.name] == [
        (0, "a"), (1, "b"),
    ]  # fmt: skip


@pytest.mark.parametrize("partial", [(), ("",)])
def test_a_call_without_arguments_has_an_empty_object(partial):
    assert pieces(*tool_block("now", *partial))[1:] == [call(arguments="{}")]


def test_arguments_may_stand_in_the_start_of_their_block():
    assert pieces(*tool_block("weather", input={"city": "Oslo"}))[1:] == [
        call(arguments='{"city": "Oslo"}')
    ]


def test_what_else_a_call_says_stays_with_it():
    first, *_ = pieces(*tool_block("weather", "{}", caller={"type": "direct"}))
    assert first.tool_calls[0].as_json()["caller"] == {"type": "direct"}


def test_a_call_always_has_an_id():
    first, *_ = pieces(*tool_block("weather", "{}", id=None))
    assert first.tool_calls[0].id


SEARCH = {"type": "server_tool_use", "id": "srvtoolu_1", "name": "web_search", "input": {}}
FOUND = {"type": "web_search_tool_result", "tool_use_id": "srvtoolu_1",
         "content": [{"type": "web_search_result", "url": "https://a.example/"}]}  # fmt: skip


def test_a_servers_own_tool_is_kept_whole():
    events = [begin(SEARCH), news("input_json_delta", partial_json='{"query":'),
              news("input_json_delta", partial_json=' "sea"}'), end(),
              begin(FOUND, 1), end(1)]  # fmt: skip
    assert pieces(*events) == [
        Delta(extra={"content_parts": [{"index": 0, **SEARCH, "input": {"query": "sea"}}]}),
        Delta(extra={"content_parts": [{"index": 1, **FOUND}]}),
    ]


@pytest.mark.parametrize("text", ['{"query":', '{"query":NaN}'])
def test_an_input_that_was_cut_or_is_no_json_is_kept_as_text(text):
    events = [begin(SEARCH), news("input_json_delta", partial_json=text), end()]
    (piece,) = pieces(*events)
    assert piece.extra["content_parts"][0]["input"] == text


def test_a_kind_of_block_that_is_not_known_is_kept_with_its_deltas():
    events = [begin({"type": "compaction", "content": "So"}),
              news("compaction_delta", content=" far"), news("compaction_delta", content="."),
              end()]  # fmt: skip
    block = {"index": 0, "type": "compaction", "content": "So far."}
    assert pieces(*events) == [Delta(extra={"content_parts": [block]})]


def test_a_kind_of_delta_that_is_not_known_is_kept_at_the_blocks_end():
    events = [begin({"type": "text", "text": ""}), news("mood_delta", mood="glad"), end()]
    assert pieces(*events) == [
        Delta(extra={"content_parts": [{"index": 0, "type": "text", "mood": "glad"}]})
    ]


PAGE = {"type": "web_search_result_location", "url": "https://a.example/", "title": "A",
        "cited_text": "sea", "encrypted_index": "x"}  # fmt: skip
LINES = {"type": "char_location", "cited_text": "sea", "document_index": 0}


def test_a_citation_of_a_page_is_an_annotation_of_its_text():
    events = [*text_block("By "), begin({"type": "text", "text": ""}, 1),
              news("citations_delta", 1, citation=PAGE), news("text_delta", 1, text="the sea"),
              end(1)]  # fmt: skip
    page = {"url": "https://a.example/", "title": "A", "start_index": 3, "end_index": 10}
    note = {"index": 0, "type": "url_citation", "url_citation": page, "citation": PAGE}
    assert pieces(*events) == ["By ", "the sea", Delta(annotations=(note,))]


def test_a_citation_of_a_document_is_kept():
    events = [begin({"type": "text", "text": "sea", "citations": [LINES]}), end()]
    cited = {"index": 0, "citation": LINES, "start_index": 0, "end_index": 3}
    assert pieces(*events) == ["sea", Delta(extra={"citations": [cited]})]


def test_what_comes_in_lists_joins_to_lists():
    total = DeltaSum()
    for piece in pieces(*thinking_block("a"), *thinking_block("b", index=1)):
        total.add(piece)
    blocks = total.total().extra["thinking_blocks"]
    assert [(block["index"], block["thinking"]) for block in blocks] == [(0, "a"), (1, "b")]


def usage(*events):
    answer = Answer()
    read_all(answer, *events)
    return answer.usage


REASONS = {"end_turn": "stop", "stop_sequence": "stop", "max_tokens": "length",
           "tool_use": "tool_calls", "pause_turn": "length", "refusal": "content_filter",
           "model_context_window_exceeded": "length"}  # fmt: skip


@pytest.mark.parametrize("reason, openais", REASONS.items())
def test_each_stop_reason_is_one_of_openais(reason, openais):
    assert usage(*whole(text_block("a"), reason=reason)).finish_reason == reason
    assert finish_reason_of(reason) == openais


def test_a_stop_sequence_is_said():
    assert pieces(last("stop_sequence", stop_sequence="###")) == [
        Delta(choice_extra={"stop_sequence": "###"})
    ]


def test_a_refusal_says_why():
    details = {"type": "refusal", "category": "bio", "explanation": "It may do harm."}
    assert pieces(last("refusal", stop_details=details)) == [
        Delta(refusal="It may do harm.", choice_extra={"stop_details": details})
    ]


def test_the_last_counts_are_those_of_the_whole_answer():
    counts = {"input_tokens": 10, "cache_creation_input_tokens": 20, "output_tokens": 1,
              "cache_read_input_tokens": 70, "service_tier": "standard"}  # fmt: skip
    final = {"output_tokens": 50, "output_tokens_details": {"thinking_tokens": 30},
             "input_tokens": None, "server_tool_use": {"web_search_requests": 1}}  # fmt: skip
    assert usage(start(usage=counts), dict(last(), usage=final), STOP) == Usage(
        100, 50, "end_turn", 70, 30,
        {"cache_creation_input_tokens": 20, "service_tier": "standard",
         "server_tool_use": {"web_search_requests": 1}},
    )  # fmt: skip


@pytest.mark.parametrize("count", [None, -1, "9", 2**60, 1.5, [], True])
def test_a_count_that_makes_no_sense_is_none(count):
    found = usage(start(usage={"input_tokens": count, "output_tokens": count}))
    assert (found.prompt_tokens, found.completion_tokens) == (None, None)


def test_counts_whose_sum_is_too_large_are_none():
    counts = {"input_tokens": 2**53, "cache_read_input_tokens": 2**53}
    assert usage(start(usage=counts)).prompt_tokens is None


def test_members_of_the_message_are_kept():
    assert pieces(start(container={"id": "c"})) == [Delta(chunk_extra={"container": {"id": "c"}})]
    assert pieces(last(container={"id": "c"})) == [Delta(choice_extra={"container": {"id": "c"}})]


@pytest.mark.parametrize("nothing", [PING, None, "", {"type": "keepalive", "time": 3}])
def test_a_keep_alive_says_nothing(nothing):
    answer = Answer()
    assert read_all(answer, nothing) == [] and answer.failure is None
    assert not answer.has_said_anything


def test_an_event_that_is_not_known_is_kept():
    event = {"type": "progress_report", "message": "half", "percent": 50}
    assert pieces(event) == [
        Delta(chunk_extra={"progress_report": {"message": "half", "percent": 50}})
    ]


def test_a_whole_message_says_what_the_events_say():
    blocks = [{"type": "thinking", "thinking": "hm", "signature": "sig"},
              {"type": "text", "text": "Hello"},
              {"type": "tool_use", "id": "toolu_2", "name": "now", "input": {"zone": "UTC"}}]
    message = start(content=blocks, stop_reason="tool_use", usage={"input_tokens": 9})
    events = whole(thinking_block("hm"), text_block("Hello", index=1),
                   tool_block("now", '{"zone": "UTC"}', index=2), reason="tool_use")  # fmt: skip
    assert sum_of(message, STOP) == sum_of(*events)
    assert usage(message).finish_reason == "tool_use"


def sum_of(*events):
    total = DeltaSum()
    for piece in pieces(*events):
        total.add(piece)
    return total.total()


@pytest.mark.parametrize("lacks", [[end()], [end(), last()]], ids=["stop", "stop and delta"])
def test_a_block_without_its_stop_ends_with_the_message(lacks):
    events = [event for event in [*thinking_block("a"), last(), STOP] if event not in lacks]
    assert pieces(*events)[-1].extra["thinking_blocks"][0]["thinking"] == "a"


UNREADABLE = {
    "text": news("text_delta", text=5),
    "thinking": news("thinking_delta", thinking=[]),
    "partial_json": [*tool_block("a")[:1], news("input_json_delta", partial_json={})],
    "name": tool_block(""),
    "content_block": begin("text"),
    "delta": {"type": "content_block_delta", "index": 0, "delta": "text"},
    "index": dict(begin({"type": "text"}), index="0"),
    "index:": news("input_json_delta", partial_json="{"),
    "type": begin({"text": "a"}),
    "type:": {"object": "chat.completion.chunk", "choices": []},
    "message": {"type": "message_start", "message": "hello"},
    "stop_reason": last(5),
    "event": [["a"]],
}


@pytest.mark.parametrize("member, events", UNREADABLE.items())
def test_what_can_not_be_read_is_named(member, events):
    with pytest.raises(ValueError, match=member.rstrip(":")):
        pieces(*(events if isinstance(events, list) else [events]))


EVENTS = whole(thinking_block("a"), text_block("b", index=1), tool_block("c", "{}", index=2))
PLACES = [(number, name) for number, event in enumerate(EVENTS) for name in event]


@given(st.sampled_from(PLACES), json_values)
def test_any_value_anywhere_is_read_or_named(place, value):
    number, name = place
    events = json.loads(json.dumps(EVENTS))
    events[number][name] = value
    try:
        pieces(*events)
    except ValueError as error:
        assert ":" in str(error) or "object" in str(error)


@given(json_values, st.sampled_from(["delta", "content_block", "message", "usage"]), json_values)
def test_any_event_is_read_or_named(event, name, value):
    for each in (event, {"type": event, name: value}, *({**e, name: value} for e in EVENTS)):
        try:
            pieces(EVENTS[0], each, each, STOP)
        except ValueError as error:
            assert str(error)

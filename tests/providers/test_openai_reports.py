"""Answers as servers are reported to send them: what is said comes through, and no failure looks
whole. Each has the number of its public report."""

from __future__ import annotations

import json
from typing import Any, Dict, List, Optional

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flask_llmstream.deltas import Delta, DeltaSum
from flask_llmstream.formats.openai import ChatCompletion
from flask_llmstream.providers import OpenAICompatible
from flask_llmstream.providers.openai.answer import Answer
from flask_llmstream.records import Ending, Usage
from tests.providers.asking import CHAT, ask, failure
from tests.providers.openai_parts import part, pieces, read_all, whole
from tests.support.upstream import Upstream, answer


def call(
    name: Optional[str] = None, arguments: Optional[str] = None, **members: Any
) -> Dict[str, Any]:
    """A fragment of a call; with ``id`` and ``index`` only where they are given."""
    said = {"name": name, "arguments": arguments}
    function = {key: value for key, value in said.items() if value is not None}
    return {"type": "function", "function": function, **members}


def total(*parts: Any) -> Delta:
    """The answer that the parts make."""
    answer = DeltaSum()
    for piece in pieces(*parts):
        answer.add(piece)
    return answer.total()


def calls_in(*deltas: List[Dict[str, Any]]) -> List[List[Any]]:
    """Index, name and arguments of the calls in an answer with these ``tool_calls``."""
    answer = total(*(part({"tool_calls": calls}) for calls in deltas))
    return [[each.index, each.name, each.arguments] for each in answer.tool_calls]


F, G = [0, "f", '{"x":1}'], [1, "g", "{}"]
WHOLE_F, WHOLE_G = call("f", '{"x":1}'), call("g", "{}")

SPELLINGS = {
    "index 1 behind a text (NVIDIA-NeMo/Switchyard#712, BerriAI/litellm#11407)": [
        [dict(WHOLE_F, index=1, id="a")], [dict(WHOLE_G, index=2, id="b")],
    ],
    "index -1 (zai-org/GLM-4.5#17)": [
        [dict(WHOLE_F, index=-1, id="a")], [dict(WHOLE_G, index=-1, id="b")],
    ],
    "one index for all, in fragments (ollama/ollama#15457, LibreChat-AI/agents#260)": [
        [call("f", "", index=0, id="a")], [call(None, '{"x":1}', index=0)],
        [call("g", "", index=0, id="b")], [call(None, "{}", index=0)],
    ],
    "one index and one ID for all (skye-harris/hass_local_openai_llm#92)": [
        [dict(WHOLE_F, index=0, id="a")], [dict(WHOLE_G, index=0, id="a")],
    ],
    "no index, fragments of one call after another (oracle/langchain-oracle#252)": [
        [call("f", "", id="a")], [call(None, '{"x"')], [call(None, ":1}")],
        [call("g", "", id="b")], [call(None, "{}")],
    ],
    "an empty ID behind the first (symfony/ai#2220)": [
        [call("f", "", index=0, id="a")], [call("", '{"x":1}', index=0, id="")],
        [call("g", "", index=1, id="b")], [call("", "{}", index=1, id="")],
    ],
    "another ID in each fragment (poolsideai/pool#9)": [
        [call("f", '{"x"', index=0, id="a")], [call(None, ":1}", index=0, id="z")],
        [dict(WHOLE_G, index=1, id="b")],
    ],
    "another ID in each fragment, and no index": [
        [call("f", '{"x"', id="a")], [call(None, ":1}", id="z")], [dict(WHOLE_G, id="b")],
    ],
    "the name in each fragment (NousResearch/hermes-agent#8259)": [
        [call("f", '{"x"', index=0, id="a")], [call("f", ":1}", index=0, id="a")],
        [dict(WHOLE_G, index=1, id="b")],
    ],
    "the name in each fragment, without ID and index": [
        [call("f", '{"x"')], [call("f", ":1}")], [WHOLE_G],
    ],
    "the ID late, and the name again": [
        [call("f", "", index=0)], [call("f", '{"x":1}', index=0, id="a")],
        [dict(WHOLE_G, index=1, id="b")],
    ],
    "the arguments again, whole (elizaOS/eliza#16973, lidge-jun/opencodex#361)": [
        [call("f", '{"x":', index=0, id="a")], [call(None, "1}", index=0)],
        [call(None, '{"x":1}', index=0)], [dict(WHOLE_G, index=1, id="b")],
    ],
    "an empty fragment at the end (vercel/ai#3953)": [
        [dict(WHOLE_F, index=0, id="a")], [dict(WHOLE_G, index=1, id="b")],
        [call(None, "", index=0)],
    ],
    "the arguments before the name (vercel/ai#15879)": [
        [call(None, '{"x"', id="a")], [call("f", ":1}", id="a")], [dict(WHOLE_G, id="b")],
    ],
}  # fmt: skip


@pytest.mark.parametrize("deltas", SPELLINGS.values(), ids=SPELLINGS)
def test_the_calls_are_the_same_in_each_spelling(deltas):
    assert calls_in(*deltas) == [F, G]


@pytest.mark.parametrize("deltas", SPELLINGS.values(), ids=SPELLINGS)
def test_a_last_message_repeats_them_and_says_nothing_new(deltas):
    last = whole({"role": "assistant", "tool_calls": [WHOLE_F, WHOLE_G]})
    found = total(*(part({"tool_calls": calls}) for calls in deltas), last)
    assert [[each.index, each.name, each.arguments] for each in found.tool_calls] == [F, G]


def test_two_calls_that_are_alike_are_two_in_the_last_message_too():
    roll = call("roll_die", "{}")  # run-llama/llama_index#23032
    said = part({"tool_calls": [dict(roll, index=0, id="a")]})
    last = whole({"tool_calls": [dict(roll, id="a"), dict(roll, id="b")]})
    assert [each.id for each in total(said, last).tool_calls] == ["a", "b"]


@given(st.lists(st.integers(0, 2**70), min_size=1, max_size=5, unique=True), st.data())
def test_calls_are_numbered_from_0_whatever_their_index_and_order(indexes, data):
    """Clients take the index for a place in a list."""
    begun = [dict(call("f", "", id=str(index)), index=index) for index in indexes]
    more = [call(None, text, index=index) for index in indexes for text in ("[", "]")]
    order = data.draw(st.permutations(range(len(indexes))))
    later = [more[2 * place + step] for step in (0, 1) for place in order]
    answer = total(*(part({"tool_calls": [each]}) for each in begun + later))
    assert [(each.index, each.id, each.arguments) for each in answer.tool_calls] == [
        (place, str(index), "[]") for place, index in enumerate(indexes)
    ]


def test_many_calls_take_time_by_their_number_alone():
    """With a search among all for each, these would take minutes."""
    calls = [dict(call("f", "{}"), index=place, id=f"c{place}") for place in range(50_000)]
    (delta,) = pieces(part({"tool_calls": calls}))
    assert [each.index for each in delta.tool_calls] == list(range(50_000))


def test_a_text_and_calls_may_stand_in_two_choices():
    """Copilot (HKUDS/nanobot#1481)."""
    calls = [dict(WHOLE_F, id="a")]
    two = [
        {"message": {"role": "assistant", "content": "I look."}, "finish_reason": "tool_calls"},
        {"message": {"role": "assistant", "tool_calls": calls}, "finish_reason": "tool_calls"},
    ]
    answer = total({"choices": two})
    assert (answer.text, [each.name for each in answer.tool_calls]) == ("I look.", ["f"])


def test_a_second_answer_is_none_of_this_one():
    first, second = part({"content": "a"}), part({"content": "b"}, choice={"index": 1})
    both = {"choices": first["choices"] + second["choices"]}
    assert pieces(both) == ["a"]


@pytest.mark.parametrize("role", ["model", "ASSISTANT", "tool", 7])
def test_the_role_is_the_formats_to_say(role):
    """Clients put the texts of a role together, as ``assistantmodel``."""
    assert pieces(part({"role": role, "content": "a"})) == ["a"]


@pytest.mark.parametrize("reason", ["length", "content_filter", "tool_calls"])
def test_a_stop_behind_another_reason_takes_nothing_back(reason):
    """badrisnarayanan/antigravity-claude-proxy#96."""
    answer = Answer()
    read_all(answer, part({"content": "a"}, reason), part({}, "stop"))
    assert answer.finish_reason == reason


def test_any_other_reason_counts_when_it_comes():
    answer = Answer()
    read_all(answer, part({"content": "a"}, "stop"), part({}, "length"))
    assert answer.finish_reason == "length"


ALL_IS_WELL: List[Dict[str, Any]] = [
    {"code": 0, "message": "Success", "sid": "s"},  # iFlytek's Spark
    {"error_code": "0", "error_msg": "success"},
    {"error": {"code": 200, "message": "OK"}},
    {"base_resp": {"status_code": 0, "status_msg": "success"}},  # MiniMax
    {"error": None, "Successful": True, "HttpStatusCode": 0},  # microsoft/foundry-local#221
]


@pytest.mark.parametrize("told", ALL_IS_WELL)
@pytest.mark.parametrize("choices", [[], None, part({"content": "b"})["choices"]])
def test_what_says_that_all_is_well_is_no_failure(told, choices):
    answer = Answer()
    read_all(answer, part({"content": "a"}), {"id": "c", "choices": choices, **told})
    assert answer.failure is None


def test_an_error_beside_the_answer_is_one():
    """MiniMax (infiniflow/ragflow#17292)."""
    told = {"base_resp": {"status_code": 1027, "status_msg": "output new_sensitive"}}
    answer = Answer()
    read_all(answer, part({"content": ""}, "stop", **told))
    assert answer.failure["base_resp"] == told["base_resp"]


def test_an_unreadable_part_is_one_whatever_the_type_of_its_event():
    good, bad = json.dumps(part({"content": "a"}, "stop")), '{"choices": [{"delta": }]}'
    body = f"event: chunk\ndata: {bad}\n\nevent: chunk\ndata: {good}\n\ndata: [DONE]\n\n"
    with Upstream(answer(200, body)) as upstream:
        assert failure(OpenAICompatible(upstream.url), CHAT).code == "provider_answer"


@pytest.mark.parametrize("reason, is_whole", [(None, False), ("tool_calls", True)])
def test_a_call_without_its_end_is_cut_unless_the_server_says_why(reason, is_whole):
    """BerriAI/litellm#40260, can1357/oh-my-pi#9433."""
    cut = part({"tool_calls": [call("f", '{"x"', index=0, id="a")]}, reason)
    script = answer(200, f"data: {json.dumps(cut)}\n\ndata: [DONE]\n\n")
    with Upstream(script) as upstream:
        provider = OpenAICompatible(upstream.url)
        if is_whole:
            assert ask(provider, CHAT)[-1] == Usage(finish_reason="tool_calls")
        else:
            assert failure(provider, CHAT).code == "truncated"


def test_a_whole_call_has_a_name_and_arguments_be_they_empty():
    """ar-jan/llm-venice#41: a call of a function without parameters has none."""
    format = ChatCompletion("m")
    for piece in pieces(part({"tool_calls": [call("f", index=0, id="a")]})):
        format.item(piece)
    body = json.loads(format.ending(Ending("complete", Usage()), None))
    (read,) = body["choices"][0]["message"]["tool_calls"]
    assert read == {
        "id": "a", "type": "function", "function": {"name": "f", "arguments": ""},
    }  # fmt: skip

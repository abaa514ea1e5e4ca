"""``Usage``: counts are found wherever servers put them, and odd ones break nothing."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flask_llmstream.providers.openai.answer import Answer
from flask_llmstream.records import Usage
from flask_llmstream.sse.json import json_bytes
from tests.providers.any_json import json_values
from tests.providers.openai_parts import part, read_all

COUNTS = {"prompt_tokens": 11, "completion_tokens": 5, "total_tokens": 16}


def usage_of(*parts) -> Usage:
    answer = Answer()
    read_all(answer, *parts)
    return answer.usage


def counted(counts) -> Usage:
    return usage_of(part(usage=counts))


PLACES = {
    "the last part": [part({}, "stop", usage=COUNTS)],
    "a part of its own": [part({}, "stop"), {"choices": [], "usage": COUNTS}],
    "one without choices": [part({}, "stop"), {"usage": COUNTS}],
    "the choice": [part({}, "stop", choice={"usage": COUNTS})],
    "x_groq": [part({}, "stop", x_groq={"id": "r", "usage": COUNTS})],
    "growing": [part(usage=dict(COUNTS, completion_tokens=1, total_tokens=12)),
                part({}, "stop", usage=COUNTS)],
    "zeros behind": [part({}, "stop", usage=COUNTS), part(usage=dict.fromkeys(COUNTS, 0))],
    "nulls behind": [part({}, "stop", usage=COUNTS), part(usage=dict.fromkeys(COUNTS))],
    "words behind": [part({}, "stop", usage=COUNTS), part(usage=dict.fromkeys(COUNTS, "n/a"))],
    "one by one": [part(usage={"prompt_tokens": 11}), part({}, "stop", usage={"output_tokens": 5})],
}  # fmt: skip


@pytest.mark.parametrize("parts", PLACES.values(), ids=PLACES.keys())
def test_the_counts_are_found_in(parts):
    assert usage_of(*parts) == Usage(11, 5, "stop")


def test_details_have_fields():
    details = {
        "prompt_tokens_details": {"cached_tokens": 8},
        "completion_tokens_details": {"reasoning_tokens": 3},
    }
    assert counted({**COUNTS, **details}) == Usage(11, 5, "stop", 8, 3)


@pytest.mark.parametrize(
    "dialect",
    [
        {"cached_tokens": 8},
        {"prompt_cache_hit_tokens": 8},
        {"cache_read_input_tokens": 8},
        {"input_tokens_details": {"cached_tokens": 8}},
    ],
)
def test_the_cached_tokens_have_many_names(dialect):
    usage = counted({**COUNTS, **dialect})
    assert (usage.cached_tokens, usage.extra) == (8, dialect)


def test_all_else_is_kept_in_its_place():
    counts = {
        **COUNTS,
        "prompt_tokens_details": {"cached_tokens": 8, "audio_tokens": 0},
        "completion_tokens_details": {"reasoning_tokens": 0, "accepted_prediction_tokens": 2},
        "cost": 0.25,
        "nothing": None,
    }
    assert counted(counts).extra == {
        "prompt_tokens_details": {"audio_tokens": 0},
        "completion_tokens_details": {"accepted_prediction_tokens": 2},
        "cost": 0.25,
    }


def test_a_total_that_is_no_sum_is_kept():
    assert counted(dict(COUNTS, total_tokens=40)).extra == {"total_tokens": 40}


def test_details_grow_as_counts_do():
    first = {"completion_tokens_details": {"reasoning_tokens": 1, "audio_tokens": 2}}
    last = {"completion_tokens_details": {"reasoning_tokens": 3, "audio_tokens": 0}}
    usage = usage_of(part(usage=first), part(usage=last))
    assert usage.reasoning_tokens == 3
    assert usage.extra == {"completion_tokens_details": {"audio_tokens": 2}}


NAMES = st.sampled_from([
    *COUNTS, "input_tokens", "output_tokens", "cached_tokens", "reasoning_tokens",
    "prompt_tokens_details", "completion_tokens_details", "input_tokens_details", "x",
])  # fmt: skip


@given(st.lists(json_values | st.dictionaries(NAMES, json_values), max_size=3))
def test_no_usage_breaks_an_answer(usages):
    usage = usage_of(*(part({"content": "a"}, "stop", usage=each) for each in usages))
    json_bytes(usage.extra)


@given(st.dictionaries(NAMES, json_values))
def test_nor_takes_anything_the_place_of_true_counts(counts):
    usage = usage_of(part(usage=COUNTS), part({}, "stop", usage=counts))
    assert None not in (usage.prompt_tokens, usage.completion_tokens)

"""One limit of tokens, the lowest, holds wherever a server may look for one."""

from __future__ import annotations

from typing import Any, Dict

import pytest

from flask_llmstream.providers.option_walk import plain, walked
from flask_llmstream.providers.token_limits import capped, limited


@pytest.mark.parametrize(
    "options",
    [
        {"generation_config": {"max_output_tokens": 9999}},
        {"extra_body": {"max_tokens": -1}},
        {"options": ({"num_predict": 9999},)},
        {"maxOutputTokens": 9999},
    ],
    ids=str,
)
def test_a_request_of_one_s_own_keeps_to_the_cap_at_any_depth(options: Dict[str, Any]) -> None:
    body = capped(options, 100, "max_tokens")
    assert body.pop("max_tokens") == 100
    assert "9999" not in str(body) and "-1" not in str(body) and "100" in str(body)


@pytest.mark.parametrize("limit, sent", [(0.5, 100), (99.9, 99), (True, 100), ("9", 100)])
def test_the_limit_that_is_sent_is_a_whole_number_from_1(limit: Any, sent: int) -> None:
    assert capped({"max_new_tokens": limit}, 100, "max_tokens") == {"max_tokens": sent}


def test_what_was_given_is_left_as_it_was() -> None:
    options = {"extra_body": {"max_tokens": 9999, "deep": [{"max_tokens": 9999}]}}
    capped(options, 100, "max_tokens")
    assert options == {"extra_body": {"max_tokens": 9999, "deep": [{"max_tokens": 9999}]}}


@pytest.mark.parametrize("name", ["tools", "response_format", "metadata", "properties"])
def test_the_client_s_own_data_is_not_looked_into(name: str) -> None:
    options = {name: {"max_tokens": 9999}, "a": {name: [{"max_tokens": 9999}]}}
    assert walked(options, lambda path, name, value: limited(name, value, 100)) == options


def test_each_member_is_seen_with_its_place() -> None:
    seen = []
    walked({"a": {"b": [{"c": 1}, 2]}}, lambda *seen_: seen.append(seen_[:2]) or seen_[2])
    assert seen == [((), "a"), (("a",), "b"), (("a", "b", "0"), "c")]


@pytest.mark.parametrize(
    "name", ["max_tokens", "maxTokens", "MAX-TOKENS", "max.tokens", "Max_To\u212aen\u017f"]
)
def test_spellings_of_one_name_are_one(name: str) -> None:
    assert plain(name) == "maxtokens"

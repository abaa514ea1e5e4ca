"""A field that is not known is sent on as it is, and undoes nothing that the operator decided."""

from __future__ import annotations

from typing import Any, Dict, Optional

import pytest

from flask_llmstream.errors import RequestError
from flask_llmstream.protocols.completion import parse_chat
from flask_llmstream.protocols.request_limits import RequestLimits

MOST = 100


def options(policy: str = "forward", most: int = MOST, **fields: Any) -> Dict[str, Any]:
    """The options that a provider gets."""
    limits = RequestLimits(10_000, tokens=most)
    chat = parse_chat({"prompt": "Hello", **fields}, ("gemma",), "gemma", limits, policy)
    return dict(chat.completion.options)


def refused(policy: str = "forward", **fields: Any) -> RequestError:
    with pytest.raises(RequestError) as error:
        options(policy, **fields)
    return error.value


# The three policies.

UNKNOWN = {
    "chat_template_kwargs": {"enable_thinking": False},
    "guided_choice": ["yes", "no"],
    "sampler": None,
    "提示": -0.0,
}


def test_an_unknown_field_is_sent_on_as_it_is() -> None:
    assert options(**UNKNOWN) == UNKNOWN


def test_an_unknown_field_can_be_left_out() -> None:
    assert options("ignore", temperature=1, **UNKNOWN) == {"temperature": 1}


@pytest.mark.parametrize("name", [*UNKNOWN, "max-tokens", "n_predict"])
def test_an_unknown_field_can_be_refused(name: str) -> None:
    error = refused("refuse", **{name: UNKNOWN.get(name)})
    assert (error.field, error.status) == (name, 400)
    assert str(error) == f"{name}: there is no such field"


@pytest.mark.parametrize("policy", ["forward", "ignore", "refuse"])
def test_what_is_known_is_sent_on_whatever_becomes_of_the_rest(policy: str) -> None:
    known = {"tools": [{"type": "function"}], "logprobs": True, "top_k": 40}
    assert options(policy, **known) == known


# State that is kept nowhere.


@pytest.mark.parametrize("policy", ["forward", "ignore", "refuse"])
@pytest.mark.parametrize(
    "name, reason",
    [
        ("previous_response_id", "no answers are kept here; send the whole conversation"),
        ("conversation", "no answers are kept here; send the whole conversation"),
        ("thread_id", "no answers are kept here; send the whole conversation"),
        ("assistant_id", "there are no assistants here"),
        ("background", "no answer is made in the background here"),
    ],
)
def test_what_asks_for_state_is_refused_with_the_reason(
    policy: str, name: str, reason: str
) -> None:
    error = refused(policy, **{name: "x1"})
    assert error.field == name and reason in str(error)


@pytest.mark.parametrize("policy", ["forward", "ignore", "refuse"])
@pytest.mark.parametrize("nothing", [None, False, "", {}])
def test_what_asks_for_no_state_is_left_out(policy: str, nothing: Optional[Any]) -> None:
    assert options(policy, previous_response_id=nothing, background=nothing) == {}


def test_where_an_answer_is_stored_is_the_model_server_s_matter() -> None:
    assert options(store=True) == {"store": True}


# Caps: the most tokens.


@pytest.mark.parametrize(
    "name",
    [
        *("max_tokens", "max_completion_tokens", "max_output_tokens", "max_new_tokens"),
        *("n_predict", "num_predict", "maxOutputTokens", "maxTokens", "MAX_TOKENS", "max-tokens"),
        *("max_length", "max_gen_len", "max_tokens_to_sample", "tokens_to_generate"),
        *("max_to\u212aens", "max_token\u017f"),  # Go folds the Kelvin sign and the long s
    ],
)
def test_no_name_of_a_limit_passes_the_cap(name: str) -> None:
    assert options(**{name: 7}) == {name: 7}
    assert options(**{name: MOST + 1}) == {name: MOST}
    assert options(most=0, **{name: MOST + 1}) == {name: MOST + 1}


@pytest.mark.parametrize("value, given", [(-1, MOST), (0, MOST), (1e9, MOST), (1e17, MOST)])
def test_no_number_passes_the_cap(value: float, given: int) -> None:
    assert options(n_predict=value) == {"n_predict": given}


@pytest.mark.parametrize(
    "value, given", [("5", "5"), ("99999", "100"), (" 1e9 ", "100"), ("-1", "100")]
)
def test_a_number_in_a_text_is_one_to_many_servers(value: str, given: str) -> None:
    assert options(max_output_tokens=value) == {"max_output_tokens": given}


@pytest.mark.parametrize("value", [None, True, "many", [MOST + 1], "nan"])
def test_what_is_no_number_is_sent_on_as_it_is(value: Any) -> None:
    assert options(max_output_tokens=value) == {"max_output_tokens": value}


@pytest.mark.parametrize(
    "outside, inside",
    [
        ("extra_body", "max_tokens"),
        ("options", "num_predict"),
        ("generation_config", "max_output_tokens"),
        ("generationConfig", "maxOutputTokens"),
        ("parameters", "max_new_tokens"),
        ("inferenceConfig", "maxTokens"),
        ("reasoning", "max_tokens"),
    ],
)
def test_no_limit_passes_the_cap_from_within(outside: str, inside: str) -> None:
    for value, given in ((7, 7), (MOST + 1, MOST), (-1, MOST)):
        assert options(**{outside: {inside: value}}) == {outside: {inside: given}}
    assert options(a=[{outside: {inside: 999}}]) == {"a": [{outside: {inside: MOST}}]}


@pytest.mark.parametrize(
    "name", ["min_tokens", "min_new_tokens", "thinking_budget", "budget_tokens"]
)
def test_part_of_an_answer_is_no_longer_than_all_of_it(name: str) -> None:
    """And here 0 and -1 ask for nothing, or for the model's own."""
    for value, given in ((MOST + 1, MOST), (7, 7), (0, 0), (-1, -1)):
        assert options(thinking={name: value}) == {"thinking": {name: given}}


@pytest.mark.parametrize(
    "fields",
    [
        {"truncate_prompt_tokens": 9999},
        {"max_prompt_tokens": 9999},
        {"stop_token_ids": [128001, 128009]},
        {"logit_bias": {"50256": -100}},
        {"tools": [{"function": {"parameters": {"examples": [{"max_tokens": 9999}]}}}]},
        {"response_format": {"json_schema": {"schema": {"examples": [{"max_tokens": 9999}]}}}},
        {"metadata": {"max_tokens": "9999", "model": "mine", "n": "5"}},
        {"guided_json": {"properties": {"n": {"const": 5}, "model": {"enum": ["a"]}}}},
        {"provider": {"allow_fallbacks": True, "order": ["DeepInfra"]}},
        {"chat_template_kwargs": {"enable_thinking": False}},
        {"n_probs": 5, "top_n_tokens": 5, "repeat_last_n": 64},
        {"models": [], "fallbacks": None, "best_of": 1, "extra_body": {"n": 1, "stream": True}},
    ],
    ids=lambda fields: next(iter(fields)),
)
def test_what_is_no_cap_is_left_alone(fields: Dict[str, Any]) -> None:
    assert options(**fields) == fields


# Caps: one answer, and the model that was named.


@pytest.mark.parametrize(
    "name", ["n", "best_of", "num_return_sequences", "candidate_count", "n_choices", "n_cmpl", "N"]
)
def test_one_request_gets_one_answer_by_any_name(name: str) -> None:
    for several in (2, 2.0, "2", 10**400, 1e308):
        if name != "n":
            assert refused(**{name: several}).field == name
        error = refused(extra_body={name: several})
        assert error.field == f"extra_body.{name}"
        assert str(error) == f"{error.field}: one request gets one answer here; leave it out"
    assert options(extra_body={name: 1}) == {"extra_body": {name: 1}}


def test_several_answers_are_refused_with_words_that_say_so() -> None:
    assert str(refused(n=2)) == "n: has to be 1: one request gets one answer here"


@pytest.mark.parametrize(
    "fields, field",
    [
        ({"models": ["expensive"]}, "models"),
        ({"fallbacks": ["expensive"]}, "fallbacks"),
        ({"fallbacks": [{"gemma": ["expensive"]}]}, "fallbacks"),
        ({"context_window_fallbacks": [{}]}, "context_window_fallbacks"),
        ({"Model": "expensive"}, "Model"),
        ({"extra_body": {"model": "expensive"}}, "extra_body.model"),
        ({"extra_body": {"models": ["expensive"]}}, "extra_body.models"),
        ({"options": [{"draft_model": "huge"}]}, "options.0.draft_model"),
        ({"api_base": "http://169.254.169.254/"}, "api_base"),
        ({"adapter_id": "another"}, "adapter_id"),
    ],
    ids=str,
)
def test_no_field_but_model_names_a_model(fields: Dict[str, Any], field: str) -> None:
    error = refused(**fields)
    assert (error.field, error.status) == (field, 400)
    assert "the model is chosen by the name in 'model' alone" in str(error)


@pytest.mark.parametrize("value", [False, "false", 0, {}])
def test_the_model_s_server_always_streams(value: Any) -> None:
    assert refused(extra_body={"stream": value}).field == "extra_body.stream"
    assert refused(Stream=value).field == "Stream"
    limits = RequestLimits(10_000)
    fields = {"messages": [{"role": "user", "content": "Hello"}], "stream": False}
    assert parse_chat(fields, ("gemma",), "gemma", limits).completion.options == {}


def test_an_error_repeats_little_of_a_long_name() -> None:
    value: Any = {"n": 2}
    for _ in range(50):
        value = {"\n\ud83d" * 10_000: value}
    message = str(refused(a=value))
    assert message.isprintable() and len(message) < 400


def test_a_deep_nesting_is_walked_however_deep_the_call_stack_is() -> None:
    value: Any = {"max_tokens": 9999}
    for _ in range(120):
        value = [value]

    def within(frames: int) -> Any:
        return within(frames - 1) if frames else options(extra_body=value)["extra_body"]

    value = within(800)
    while isinstance(value, list):
        (value,) = value
    assert value == {"max_tokens": MOST}

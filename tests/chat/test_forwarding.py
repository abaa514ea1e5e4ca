"""A field that is not known is sent on as it is, and undoes nothing that the operator decided."""

from __future__ import annotations

from typing import Any, Dict, Optional

import pytest

from flask_llmstream.chat.request_limits import RequestLimits
from flask_llmstream.chat.requests import parse_chat
from flask_llmstream.errors import RequestError

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

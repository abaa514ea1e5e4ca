"""``CompletionRequest`` and ``Usage``: what they hold, and what they refuse by its name."""

from __future__ import annotations

import pytest

from flask_llmstream import CompletionRequest, Usage


class TokenCount:
    """A tokenizer's own integer type."""

    def __index__(self):
        return 7


def test_nothing_need_be_counted():
    assert (Usage().prompt_tokens, Usage().completion_tokens) == (None, None)
    assert Usage().finish_reason == "stop"


@pytest.mark.parametrize("count", [7, TokenCount()])
def test_a_count_is_a_plain_number(count):
    usage = Usage(count, count)
    assert usage == Usage(7, 7)
    assert type(usage.prompt_tokens) is int


@pytest.mark.parametrize("count", ["7", 7.5, float("nan"), [7], {"all": 7}, object(), -1, 2**60])
@pytest.mark.parametrize("name", ["prompt_tokens", "completion_tokens"])
def test_what_is_no_count_is_refused_by_its_name(name, count):
    with pytest.raises(ValueError, match=f"^{name}: "):
        Usage(**{name: count})


@pytest.mark.parametrize("reason", [None, 7, ["stop"], float("nan")])
def test_so_is_a_reason_that_is_no_text(reason):
    with pytest.raises(ValueError, match="^finish_reason: "):
        Usage(finish_reason=reason)


@pytest.mark.parametrize(
    "name, value",
    [
        ("model", None),
        ("prompt", 7),
        ("prompt", ["a"]),
        ("messages", "Hi"),
        ("messages", {"role": "user", "content": "Hi"}),
        ("messages", None),
        ("options", None),
        ("options", [("seed", 7)]),
        ("max_tokens", "80"),
        ("max_tokens", 0),
        ("max_tokens", True),
    ],
)
def test_what_a_request_can_not_hold_is_refused_by_its_name(name, value):
    with pytest.raises(ValueError, match=f"^{name}: "):
        CompletionRequest(**{name: value})


def test_a_request_may_have_a_list_of_messages():
    messages = [{"role": "user", "content": "Hi"}]
    assert CompletionRequest(messages=messages, max_tokens=80).messages == messages

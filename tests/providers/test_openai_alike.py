"""``AlikeParts``: a part that is taken for like the one before says what reading it gives."""

from __future__ import annotations

import json
from typing import Any, Dict, List

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flask_llmstream.deltas import Delta, ToolCallDelta
from flask_llmstream.providers.openai.alike import AlikeParts
from flask_llmstream.providers.openai.answer import Answer
from flask_llmstream.providers.upstream.part import parse_part
from tests.providers.any_json import json_values
from tests.providers.openai_parts import part
from tests.providers.test_openai_any_json import FULL, places_in, with_value


class Relay:
    """Reads the parts of one answer, as a call does.

    :ivar unread: how many were not parsed.
    """

    def __init__(self) -> None:
        self.answer = Answer()
        self.alike = AlikeParts(self.answer.reader)
        self.unread = 0

    def read(self, data: str) -> List[Any]:
        piece = self.alike.piece_in(data)
        if piece is not None:
            self.unread += 1
            return [piece]
        value = parse_part(data)
        pieces = self.answer.read(value)
        self.alike.learn(data, value, pieces)
        return list(pieces)


def call(arguments: str, **more: Any) -> Dict[str, Any]:
    return part({"tool_calls": [{"index": 0, "function": {"arguments": arguments}, **more}]})


TOKENS = ["The", ' "model"', "\n", "漢字", "🚀", "\\", "."]
ALIKE = {
    "text": lambda text, n: part({"content": text}),
    "text with its role": lambda text, n: part({"role": "assistant", "content": text}),
    "the text of a completion": lambda text, n: {"choices": [{"text": text, "logprobs": None}]},
    "reasoning": lambda text, n: part({"reasoning_content": text}),
    "reasoning of another name": lambda text, n: part({"content": "", "reasoning": text}),
    "arguments": lambda text, n: call('{"a' + text),
    "noise": lambda text, n: part({"content": text}, usage=None, obfuscation="x" * (n % 5)),
    "a clock": lambda text, n: part({"content": text}, created=1700000000.25 + n),
    "a name each": lambda text, n: part({"content": text}, id=f"c{n}", created=n),
    "a fingerprint": lambda text, n: part({"content": text}, system_fingerprint="f"),
}


@pytest.mark.parametrize("make", ALIKE.values(), ids=ALIKE.keys())
@pytest.mark.parametrize("ensure_ascii", [True, False])
def test_of_parts_that_are_alike_only_the_first_are_read(make, ensure_ascii):
    if make is ALIKE["arguments"]:
        begin = [call("", id="a", type="function")]
    else:
        begin = [part({"role": "assistant", "content": ""})]
    relay, slow = Relay(), Answer()
    for value in [*begin, *(make(text, n) for n, text in enumerate(TOKENS * 3))]:
        data = json.dumps(value, ensure_ascii=ensure_ascii)
        assert relay.read(data) == list(slow.read(parse_part(data)))
    assert relay.unread >= 2 * len(TOKENS)


def test_the_pieces_are_of_the_types_that_reading_gives():
    relay = Relay()
    texts = [relay.read(json.dumps(part({"content": text}))) for text in "abc"]
    assert texts == [["a"], ["b"], ["c"]]
    thoughts = [relay.read(json.dumps(part({"thinking": text}))) for text in "abc"]
    assert thoughts[-1] == [Delta(reasoning="c", reasoning_name="thinking")]


def test_a_part_that_says_more_is_read():
    relay = Relay()
    for text in "abc":
        relay.read(json.dumps(part({"content": text})))
    assert relay.unread == 2
    assert relay.read(json.dumps(part({"content": "d"}, system_fingerprint="f"))) == [
        Delta(chunk_extra={"system_fingerprint": "f"}), "d",
    ]  # fmt: skip
    assert relay.read(json.dumps(part({}, "stop"))) == []
    assert relay.answer.finish_reason == "stop"


def test_a_part_like_an_earlier_one_is_read_again_behind_another():
    relay = Relay()
    one, two = (part({"content": "a"}, system_fingerprint=name) for name in ("f1", "f2"))
    said = [relay.read(json.dumps(each)) for each in (one, one, one, two, one)]
    new = [[Delta(chunk_extra={"system_fingerprint": name}), "a"] for name in ("f1", "f2")]
    assert said == [new[0], ["a"], ["a"], new[1], new[0]]


def test_a_message_behind_them_is_not_said_twice():
    relay = Relay()
    for text in ["Once ", "upon ", "a ", "time."]:
        relay.read(json.dumps(part({"content": text})))
    last = part(choice={"message": {"content": "Once upon a time. The end."}})
    assert relay.read(json.dumps(last)) == [" The end."]


def test_the_arguments_of_a_call_are_whole_behind_them():
    relay = Relay()
    texts = ["", '{"a', '": [', "1,", "1,", "1", "]"]
    first, *others = [relay.read(json.dumps(call(text, id="i"))) for text in texts]
    assert relay.answer.breaks_off and relay.unread
    assert relay.read(json.dumps(call("}", id="i"))) == [
        Delta(tool_calls=(ToolCallDelta(0, arguments="}"),))
    ]
    assert not relay.answer.breaks_off
    assert relay.read(json.dumps(call("".join(texts) + "}", id="i"))) == []  # the whole call again


def thinking(text: str) -> Dict[str, Any]:
    return part({"content": [{"type": "thinking", "thinking": "a"}], "reasoning_content": text})


def elsewhere(text: str) -> Dict[str, Any]:
    return part({"content": "a"}, x={"content": text})


TRAPS = {
    "reasoning in two members": ["", *map(json.dumps, map(thinking, ["ab", "ab", "x"]))],
    "a member of the same name": [json.dumps(elsewhere(text)) for text in "aaab"],
    "the same name, once with an escape": [
        json.dumps(elsewhere(text)).replace('"content"', '"c\\u006fntent"', 1) for text in "aaab"
    ],
    "a second fragment": [
        json.dumps(part({"tool_calls": [{"index": 0, "id": "a", "function": {"name": "f"}},
                                        {"index": 1, "function": {"arguments": text}}]}))
        for text in ["1", "1", "1", "2"]
    ],
    "a text of both endpoints": [
        json.dumps(part({"content": text}, choice={"text": "a"})) for text in ["a", "a", "b", ""]
    ],
    "a second choice": [
        json.dumps({"choices": [{"delta": {"content": text}}, {"message": {"content": "xxxb"}}]})
        for text in "aax"
    ],
    "a null": [json.dumps(part({"content": text})) for text in ["a", "a", None, "", "b"]],
}  # fmt: skip


@pytest.mark.parametrize("texts", TRAPS.values(), ids=TRAPS.keys())
def test_what_only_looks_alike_is_read(texts):
    relay, slow = Relay(), Answer()
    for data in filter(None, texts):
        expected = slow.read(parse_part(data))
        assert without_names(relay.read(data)) == without_names(list(expected))


WORDS = st.sampled_from(["a", "b", "", "}", '{"a": 1}', "1", "null", "ab"])
SOME = WORDS | st.sampled_from([None, [], {}, [{"type": "thinking", "thinking": "a"}], {"a": "b"}])
FRAGMENTS = st.fixed_dictionaries(
    {"function": st.fixed_dictionaries({"arguments": WORDS}, optional={"name": WORDS})},
    optional={"index": st.integers(0, 1), "id": WORDS},
)
DELTAS = st.fixed_dictionaries(
    {},
    optional={
        "content": SOME, "reasoning": SOME, "refusal": WORDS, "x": SOME,
        "tool_calls": st.lists(FRAGMENTS, max_size=2),
    },
)  # fmt: skip
CHOICES = st.fixed_dictionaries(
    {"delta": DELTAS}, optional={"text": SOME, "message": DELTAS, "logprobs": SOME, "x": SOME}
)
PARTS = st.fixed_dictionaries(
    {"choices": st.lists(CHOICES, min_size=1, max_size=2)},
    optional={"id": WORDS, "obfuscation": WORDS, "usage": SOME, "x": SOME},
)
MEMBERS = st.sampled_from(["content", "reasoning", "text", "arguments", "id", "obfuscation"])


def with_text(value: Any, name: str, text: str) -> Any:
    """A copy of the value with this text in each member of this name that has a text."""
    if isinstance(value, list):
        return [with_text(each, name, text) for each in value]
    if not isinstance(value, dict):
        return value
    return {
        key: text if key == name and isinstance(each, str) else with_text(each, name, text)
        for key, each in value.items()
    }


def run_of(value: Any, name: str, texts: List[str]) -> List[Any]:
    return [value, value, *(with_text(value, name, text) for text in texts)]


odd = st.builds(with_value, st.just(FULL), st.sampled_from(places_in(FULL)), json_values)
runs = st.builds(run_of, PARTS | odd, MEMBERS, st.lists(WORDS, max_size=3))


@given(st.lists(runs, max_size=4), st.booleans())
def test_no_order_of_parts_says_anything_else_than_when_all_are_read(runs, ensure_ascii):
    relay, slow = Relay(), Answer()
    for value in [each for run in runs for each in run]:
        data = json.dumps(value, ensure_ascii=ensure_ascii)
        try:
            expected = list(slow.read(parse_part(data)))
        except ValueError as error:
            with pytest.raises(ValueError) as raised:
                relay.read(data)
            assert str(raised.value) == str(error)
            return
        assert without_names(relay.read(data)) == without_names(expected)
    assert relay.answer.usage == slow.usage
    assert relay.answer.failure == slow.failure
    assert relay.answer.breaks_off == slow.breaks_off


def without_names(pieces: List[Any]) -> List[Any]:
    """The pieces with all names of calls that were made up as one."""
    return [_without_name(piece) for piece in pieces]


def _without_name(piece: Any) -> Any:
    if not isinstance(piece, Delta):
        return piece
    calls = [each.as_json() for each in piece.tool_calls]
    for each in calls:
        if str(each.get("id", "")).startswith("call_"):
            each["id"] = "call_"
    return {**vars(piece), "tool_calls": calls}

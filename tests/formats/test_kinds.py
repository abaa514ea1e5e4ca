"""What each format shows of each kind of delta. Every format of the package has its row here."""

from __future__ import annotations

import json
from typing import Any, Callable, Dict, FrozenSet, Iterable, List, NamedTuple, Set, Type, Union

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flask_llmstream.deltas import Delta, ToolCallDelta
from flask_llmstream.formats import RawFormat
from flask_llmstream.formats.ag_ui import AGUIFormat
from flask_llmstream.formats.base import EventStreamFormat, Format
from flask_llmstream.formats.message import MessageFormat
from flask_llmstream.formats.ndjson import NDJSONFormat
from flask_llmstream.formats.negotiated import JSONArray, JSONLines, PlainText
from flask_llmstream.formats.openai import ChatCompletion, ChatCompletionChunks
from flask_llmstream.formats.openai_text import TextCompletion, TextCompletionChunks
from flask_llmstream.formats.responses import Asked, ResponseEvents, WholeResponse
from flask_llmstream.formats.text import TextFormat
from flask_llmstream.formats.ui_message.format import UIMessageFormat
from flask_llmstream.records import Ending
from flask_llmstream.sse.decoder import EventStreamDecoder

Item = Union[str, Delta]
Said = Dict[str, Any]
"""What a reader got: ``text``, ``reasoning``, ``refusal``, the arguments of the calls by their
index, and each other member as a list."""


class Row(NamedTuple):
    """One format.

    :ivar read: what a reader of this format makes of its bytes.
    :ivar shows: the kinds that it shows. It counts all others.
    :ivar in_part: the kinds of these that it shows where they have a form that its readers know.
    """

    make: Callable[[], Format]
    read: Callable[[bytes], Said]
    shows: FrozenSet[str]
    in_part: FrozenSet[str] = frozenset()


# The readers.


def joined(said: Iterable[Said]) -> Said:
    """Add up what was said one by one."""
    sums: Said = {"text": "", "reasoning": "", "refusal": "", "arguments": {}}
    for each in said:
        for name, value in each.items():
            if name == "tool_calls":
                for call in value:
                    index = call.get("index", value.index(call))
                    arguments = call.get("function", {}).get("arguments", "")
                    sums["arguments"][index] = sums["arguments"].get(index, "") + arguments
            if isinstance(sums.get(name), str):
                sums[name] += value or ""
            elif value is not None:
                sums.setdefault(name, []).append(value)
    return {name: value for name, value in sums.items() if value}


def of_message(body: Any) -> Said:
    return {**{name: body[name] for name in body if name != "ended"}, "text": body["message"]}


def read_events(sent: bytes) -> List[Any]:
    return [json.loads(event.data) for event in EventStreamDecoder().feed(sent)]


def read_lines(sent: bytes) -> List[Any]:
    return [json.loads(line) for line in sent.decode().splitlines()]


def read_messages(sent: bytes) -> Said:
    return joined(map(of_message, read_events(sent)))


def read_message_lines(sent: bytes) -> Said:
    return joined(map(of_message, read_lines(sent)))


def of_openai(said: Any, choice: Any, body: Any) -> Said:
    names = {"content": "text", "reasoning_content": "reasoning"}
    own = {"id", "object", "created", "model", "choices", "usage"}
    more = {"choice": choice.get("of_choice"), "chunk": body.get("of_chunk")}
    assert set(body) - own <= {"of_chunk"}
    members = {names.get(name, name): said[name] for name in said if name != "role"}
    return {**members, **more, "logprobs": choice.get("logprobs")}


def read_chunks(sent: bytes) -> Said:
    choices = [(body["choices"][0], body) for body in read_events(sent)]
    return joined(of_openai(choice["delta"], choice, body) for choice, body in choices)


def read_whole(sent: bytes) -> Said:
    body = json.loads(sent)
    (choice,) = body["choices"]
    return joined([of_openai(choice["message"], choice, body)])


def of_completion(choice: Any) -> Said:
    return {"text": choice["text"], "logprobs": of_lists(choice["logprobs"])}


def of_lists(logprobs: Any) -> Any:
    """Log probabilities of the older form, in the form of chat completions."""
    if not logprobs or "tokens" not in logprobs:
        return logprobs
    pairs = zip(logprobs["tokens"], logprobs["token_logprobs"])
    tokens = [{"token": token, "logprob": number, "top_logprobs": []} for token, number in pairs]
    return {"content": tokens, "refusal": None}


def read_completion_chunks(sent: bytes) -> Said:
    return joined(of_completion(body["choices"][0]) for body in read_events(sent))


def read_completion(sent: bytes) -> Said:
    return joined([of_completion(json.loads(sent)["choices"][0])])


def of_response(event: Any) -> Said:
    kind, delta = event["type"], event.get("delta")
    if kind == "response.output_text.delta":
        return {"text": delta, "logprobs": of_tokens(event["logprobs"])}
    if kind == "response.function_call_arguments.delta":
        return {"tool_calls": [{"index": event["output_index"], "function": {"arguments": delta}}]}
    if kind == "response.output_text.annotation.added":
        return {"annotations": [of_note(event["annotation"])]}
    if kind == "response.reasoning_summary_text.delta":
        return {"reasoning": delta}
    return {"refusal": delta} if kind == "response.refusal.delta" else {}


def of_tokens(tokens: Any) -> Any:
    """Log probabilities of a response, in the form of chat completions: none has bytes here."""
    bare = [{name: token[name] for name in token if name != "bytes"} for token in tokens]
    assert all(token["bytes"] == [] for token in tokens)
    return {"content": bare, "refusal": None} if tokens else None


def of_note(note: Any) -> Any:
    return {"type": note["type"], note["type"]: {"url": note["url"]}}


def read_response_events(sent: bytes) -> Said:
    return joined(map(of_response, read_events(sent)))


def read_response(sent: bytes) -> Said:
    return joined(said for item in json.loads(sent)["output"] for said in of_item(item))


def of_item(item: Any) -> Iterable[Said]:
    if item["type"] == "function_call":
        call = {"index": 0, "function": {"arguments": item["arguments"]}}
        return [{"tool_calls": [call]}]
    if item["type"] == "reasoning":
        return [{"reasoning": item["summary"][0]["text"]}]
    return map(of_part, item["content"])


def of_part(part: Any) -> Said:
    if part["type"] == "refusal":
        return {"refusal": part["refusal"]}
    notes, weighed = [of_note(note) for note in part["annotations"]], of_tokens(part["logprobs"])
    return {"text": part["text"], "logprobs": weighed, "annotations": notes or None}


def of_ui_message(part: Any, calls: List[str]) -> Said:
    """What a chunk says. ``calls`` are the IDs of the calls, in their order."""
    kind = part["type"]
    if kind == "tool-input-start":
        calls.append(part["toolCallId"])
    if kind == "tool-input-delta":
        function = {"arguments": part["inputTextDelta"]}
        return {"tool_calls": [{"index": calls.index(part["toolCallId"]), "function": function}]}
    if kind == "source-url":
        return {"annotations": [{"type": "url_citation", "url_citation": {"url": part["url"]}}]}
    name, _, event = kind.partition("-")
    return {name: part["delta"]} if event == "delta" else {}


def read_ui_messages(sent: bytes) -> Said:
    calls: List[str] = []
    return joined([of_ui_message(part, calls) for part in read_events(sent)])


def read_text(sent: bytes) -> Said:
    return joined({"text": event.data} for event in EventStreamDecoder().feed(sent))


def read_plain(sent: bytes) -> Said:
    return joined([{"text": sent.decode()}])


def read_strings(sent: bytes) -> Said:
    return joined({"text": text} for text in read_lines(sent))


def read_array(sent: bytes) -> Said:
    return joined({"text": text} for text in json.loads(sent))


def read_run(sent: bytes) -> Said:
    """What the messages of a run say, and the arguments of its calls in their order."""
    events = read_events(sent)
    ids = [event["toolCallId"] for event in events if event["type"] == "TOOL_CALL_START"]
    return joined(of_run(event, ids) for event in events)


def of_run(event: Any, ids: List[str]) -> Said:
    kind, text = event["type"], event.get("delta")
    if kind == "TOOL_CALL_ARGS":
        index = ids.index(event["toolCallId"])
        return {"tool_calls": [{"index": index, "function": {"arguments": text}}]}
    if kind == "CUSTOM":
        return {event["name"]: event["value"]}
    names = {"TEXT_MESSAGE_CONTENT": "text", "REASONING_MESSAGE_CONTENT": "reasoning"}
    return {names[kind]: text} if kind in names else {}


WORDS = frozenset({"text", "refusal"})
MOST = WORDS | {"reasoning", "tool_calls", "logprobs", "annotations"}
ALL = MOST | {"extra"}
NEW = MOST - {"logprobs"}
OLDER = WORDS | {"logprobs"}
KNOWN_FORMS = frozenset({"annotations", "logprobs", "tool_calls"})
ROWS: Dict[str, Row] = {
    "message": Row(MessageFormat, read_messages, MOST),
    "ndjson": Row(NDJSONFormat, read_message_lines, MOST),
    "ui-message": Row(UIMessageFormat, read_ui_messages, NEW),
    "text": Row(TextFormat, read_text, WORDS),
    "plain": Row(PlainText, read_plain, WORDS),
    "lines": Row(JSONLines, read_strings, WORDS),
    "array": Row(JSONArray, read_array, WORDS),
    "ag-ui": Row(AGUIFormat, read_run, MOST - {"logprobs"}),
    "chunks": Row(lambda: ChatCompletionChunks("gemma"), read_chunks, ALL),
    "whole": Row(lambda: ChatCompletion("gemma"), read_whole, ALL),
    "completion chunks": Row(lambda: TextCompletionChunks("gemma"), read_completion_chunks, OLDER),
    "completion": Row(lambda: TextCompletion("gemma"), read_completion, OLDER),
    "response events": Row(
        lambda: ResponseEvents(Asked("gemma")), read_response_events, MOST, KNOWN_FORMS
    ),
    "response": Row(lambda: WholeResponse(Asked("gemma")), read_response, MOST, KNOWN_FORMS),
}
RAW: Set[Type[Format]] = {RawFormat}
"""The formats without deltas: their items are bytes."""


def in_formats(*names: str) -> Any:
    return pytest.mark.parametrize("row", [ROWS[name] for name in names], ids=names)


in_all_formats = in_formats(*ROWS)


def sent(format: Format, items: Iterable[Item]) -> bytes:
    """The items of a whole answer. What only ends it is left out, where that is no part of them."""
    frames = b"".join(map(format.item, items)) + format.rest()
    ends = isinstance(format, (JSONArray, ChatCompletion, AGUIFormat, WholeResponse))
    return frames + format.ending(Ending("complete"), None) if ends else frames


def said(row: Row, *items: Item) -> Said:
    return row.read(sent(row.make(), items))


FORMATS = "flask_llmstream.formats."
"""Where formats make bytes of items. Readers of a log have another, whose bytes are made."""


def test_every_format_of_the_package_has_its_row() -> None:
    def all_of(kind: Type[Format]) -> Set[Type[Format]]:
        return {kind}.union(*map(all_of, kind.__subclasses__()))

    package = {kind for kind in all_of(Format) if kind.__module__.startswith(FORMATS)}
    whole = {kind for kind in package if not getattr(kind, "__abstractmethods__", None)}
    assert whole == {type(row.make()) for row in ROWS.values()} | RAW


# Each kind.

CALL = ToolCallDelta(0, "call_1", "add", '{"a":1}')
NOTE = {"type": "url_citation", "url_citation": {"url": "https://example.com"}}
PROBABILITIES = {"content": [{"token": "a", "logprob": -0.5, "top_logprobs": []}], "refusal": None}
KINDS: Dict[str, Delta] = {
    "text": Delta("Hi"),
    "reasoning": Delta(reasoning="Hm"),
    "refusal": Delta(refusal="No."),
    "tool_calls": Delta(tool_calls=(CALL,)),
    "logprobs": Delta(logprobs=PROBABILITIES),
    "annotations": Delta(annotations=(NOTE,)),
    "extra": Delta(
        extra={"audio": {"id": "a"}}, choice_extra={"of_choice": 1}, chunk_extra={"of_chunk": 2}
    ),
}
READ: Dict[str, Said] = {
    "text": {"text": "Hi"},
    "reasoning": {"reasoning": "Hm"},
    "tool_calls": {"arguments": {0: '{"a":1}'}},
    "logprobs": {"logprobs": [PROBABILITIES]},
    "annotations": {"annotations": [[NOTE]]},
    "extra": {"audio": [{"id": "a"}], "choice": [1], "chunk": [2]},
}


def test_there_is_a_delta_of_every_kind() -> None:
    assert {kind: list(delta.kinds()) for kind, delta in KINDS.items()} == {
        kind: [kind] for kind in ALL
    }


@in_all_formats
@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "refusal"])
def test_a_kind_is_shown_or_left_out_and_counted(row: Row, kind: str) -> None:
    format = row.make()
    frame = format.item(KINDS[kind])
    if kind in row.shows:
        assert said(row, KINDS[kind]).items() >= READ[kind].items()
        assert format.left_out == {}
    else:
        assert frame == b""
        assert format.left_out == {kind: 1}


@in_all_formats
def test_the_words_of_a_refusal_reach_every_reader(row: Row) -> None:
    format = row.make()
    got = row.read(sent(format, [KINDS["refusal"]]))
    assert got.get("text", "No.") == "No."
    assert "No." in (got.get("text"), got.get("refusal"))
    assert format.left_out == {}


@in_formats("message", "ndjson")
def test_a_reader_of_the_text_alone_reads_a_refusal_too(row: Row) -> None:
    assert said(row, "I ", Delta(refusal="won't.")) == {
        "text": "I won't.",
        "message": ["I ", "won't."],
        "refusal": "won't.",
    }


@in_formats("message", "ndjson")
def test_the_text_is_there_though_a_delta_says_none(row: Row) -> None:
    """A page joins each ``message`` to what it has."""
    assert said(row, Delta(reasoning="Hm"))["message"] == [""]


@in_formats("message", "ndjson", "text", "plain", "lines", "array")
def test_what_is_left_out_of_a_delta_with_words_does_not_keep_them_back(row: Row) -> None:
    format = row.make()
    deltas = [Delta("Hi", reasoning="Hm", extra={"a": 1}), Delta(extra={"b": 2})]
    got = row.read(sent(format, deltas))
    assert got["text"] == "Hi"
    assert format.left_out["extra"] == 2
    assert format.left_out.get("reasoning", 0) == (0 if "reasoning" in row.shows else 1)


@in_all_formats
def test_a_delta_that_says_nothing_is_nothing(row: Row) -> None:
    format = row.make()
    assert format.item(Delta()) == b""
    assert format.left_out == {}


@in_all_formats
@pytest.mark.parametrize("text", ["Hi", "你好", "\u2028", "é\n"])
def test_a_delta_of_text_alone_is_read_as_the_text(row: Row, text: str) -> None:
    assert said(row, Delta(text)) == said(row, text)


def test_the_whole_answer_s_calls_have_no_index_and_the_message_no_text() -> None:
    body = json.loads(sent(ChatCompletion("gemma"), [KINDS["tool_calls"]]))
    (choice,) = body["choices"]
    function = {"name": "add", "arguments": '{"a":1}'}
    assert choice["message"] == {
        "role": "assistant",
        "content": None,
        "refusal": None,
        "tool_calls": [{"id": "call_1", "type": "function", "function": function}],
    }


def test_the_whole_message_of_a_refusal_has_no_text() -> None:
    body = json.loads(sent(ChatCompletion("gemma"), [Delta(refusal="I "), Delta(refusal="won't.")]))
    message = {"role": "assistant", "content": None, "refusal": "I won't."}
    assert body["choices"][0]["message"] == message


@pytest.mark.parametrize("own", ["index", "delta", "finish_reason", "message"])
@in_formats("chunks", "whole")
def test_no_other_member_takes_the_place_of_a_format_s_own(row: Row, own: str) -> None:
    false = Delta(choice_extra={own: "x"}, chunk_extra={"id": "x", "object": "x", "choices": []})
    frames = sent(row.make(), [false])
    body = json.loads(frames) if row.make().is_whole else read_events(frames)[0]
    assert (body["id"], body["choices"][0]["index"]) == ("chatcmpl-", 0)
    assert body["choices"][0].get("finish_reason") in (None, "stop")
    assert body["object"].startswith("chat.completion")


# Text that was cut in the middle of a character.

CUT = [
    ["a\ud83d", "\ude00b"],
    ["\ud83d", "\ude00"],
    ["a\ud83d", "", "\ude00"],
    ["\ud83d\ude00\ud83d", "\ude00"],
]
LONE = [
    (["a\ud83d", "b"], "a\ufffdb"),
    (["a\ud83d"], "a\ufffd"),
    (["\ude00b"], "\ufffdb"),
    (["\ud83d", "\ud83d", "\ude00"], "\ufffd😀"),
    (["\ud83d", "b\ud83d", "\ude00"], "\ufffdb😀"),
]
parts_of_a_character = st.sampled_from(["\ud83d", "\ude00", "a", "你", "\u2028", "\x85", "😀", ""])
cut_texts = st.lists(st.lists(parts_of_a_character, max_size=3).map("".join), max_size=6)


def whole(text: str) -> str:
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


@in_all_formats
@pytest.mark.parametrize("pieces", CUT, ids=ascii)
def test_the_halves_of_a_character_come_together(row: Row, pieces: List[str]) -> None:
    assert said(row, *pieces)["text"] == whole("".join(pieces))
    assert "\ufffd" not in said(row, *pieces)["text"]


@in_all_formats
@pytest.mark.parametrize("pieces, read", LONE, ids=ascii)
def test_half_a_character_alone_becomes_a_replacement_character(
    row: Row, pieces: List[str], read: str
) -> None:
    assert said(row, *pieces)["text"] == read


@in_all_formats
@given(pieces=cut_texts, as_deltas=st.lists(st.booleans(), min_size=6, max_size=6))
def test_any_text_comes_whole_and_readable(
    row: Row, pieces: List[str], as_deltas: List[bool]
) -> None:
    items = [Delta(text) if as_delta else text for text, as_delta in zip(pieces, as_deltas)]
    frames = sent(row.make(), items)
    assert row.read(frames).get("text", "") == whole("".join(pieces))
    assert b"\\ud" not in frames.lower()


FIELDS: Dict[str, Callable[[str], Delta]] = {
    "reasoning": lambda text: Delta(reasoning=text),
    "refusal": lambda text: Delta(refusal=text),
    "arguments": lambda text: Delta(tool_calls=[ToolCallDelta(1, arguments=text)]),  # type: ignore
}


@in_formats("message", "ndjson", "chunks", "whole")
@pytest.mark.parametrize("field", FIELDS)
@given(pieces=cut_texts)
def test_any_other_text_comes_whole_and_readable(row: Row, field: str, pieces: List[str]) -> None:
    read: Any = said(row, *map(FIELDS[field], pieces)).get(field, "")
    text = "".join(read.values()) if isinstance(read, dict) else read
    assert text == whole("".join(pieces))


def test_each_text_waits_for_its_own_other_half() -> None:
    calls = [ToolCallDelta(1, arguments="\ud83d"), ToolCallDelta(0, arguments="\ude00")]
    first, second = Delta("\ud83d", reasoning="\ud83d"), Delta(reasoning="\ude00")
    got = said(ROWS["chunks"], first, Delta(tool_calls=tuple(calls)), second, "\ude00")
    assert (got["text"], got["reasoning"]) == ("😀", "😀")
    assert got["arguments"] == {0: "\ufffd", 1: "\ufffd"}


@in_formats("message", "ndjson", "ag-ui", "chunks", "lines", "array", "whole")
@given(text=st.text(st.characters(exclude_categories=["Cs"])))
def test_no_reader_finds_a_line_end_inside_json(row: Row, text: str) -> None:
    """Some read lines by ``str.splitlines()``."""
    items = [text, Delta(text, reasoning=text, extra={text: text})]
    frames = sent(row.make(), items).decode()
    assert frames.splitlines() == frames.rstrip("\n").split("\n") + [""] * frames.endswith("\n\n")


# Anything.

members = st.dictionaries(
    st.sampled_from(["a", "index", "text", "id", "type"]),
    st.none() | st.booleans() | st.integers() | st.text(max_size=3) | st.lists(st.integers()),
    max_size=3,
)
calls = st.builds(ToolCallDelta, st.integers(0, 2), arguments=st.none() | st.text(max_size=2))
some_deltas = st.builds(
    Delta,
    text=st.text(max_size=3),
    reasoning=st.text(max_size=3),
    refusal=st.text(max_size=3),
    tool_calls=st.lists(calls, max_size=2),
    logprobs=st.none() | members,
    annotations=st.lists(members.map(lambda more: {**NOTE, **more}), max_size=2),
    extra=members,
    choice_extra=members,
    chunk_extra=members,
)


@in_all_formats
@given(items=st.lists(some_deltas | st.text(max_size=3), max_size=5))
def test_any_deltas_are_shown_or_counted(row: Row, items: List[Item]) -> None:
    format = row.make()
    sent(format, items)
    kinds = [kind for item in items if isinstance(item, Delta) for kind in item.kinds()]
    left_out = {kind: count for kind, count in format.left_out.items() if kind not in row.in_part}
    assert left_out == {kind: kinds.count(kind) for kind in set(kinds) - row.shows}
    assert all(format.left_out.get(kind, 0) <= kinds.count(kind) for kind in row.in_part)


# A format of one's own.


class Shouting(EventStreamFormat):
    """A format that knows only text."""

    def item(self, item: Any) -> bytes:
        if isinstance(item, str):
            return f"data: {item.upper()}\n\n".encode()
        if isinstance(item, Delta):
            return self.delta(item)
        return b"data: " + self.json_item(item) + b"\n\n"

    ending = failure = lambda self, how, event_id: b""  # type: ignore


class Forgetful(Shouting):
    def item(self, item: Any) -> bytes:
        return b"data: " + self.json_item(item) + b"\n\n"


def test_a_format_of_one_s_own_needs_one_line_for_the_words() -> None:
    format = Shouting()
    assert format.item(Delta("no", refusal="pe", reasoning="hm")) == b"data: NOPE\n\n"
    assert format.left_out == {"reasoning": 1}


def test_a_format_that_forgets_them_is_told_the_line() -> None:
    with pytest.raises(TypeError, match=r"^Delta can't be streamed.* return self\.delta\(item\)"):
        Forgetful().item(Delta("no"))


def test_a_whole_call_has_arguments_be_they_empty() -> None:
    for arguments in ("", None):
        format = ChatCompletion("gemma")
        format.item(Delta(tool_calls=[ToolCallDelta(0, "call_1", "now", arguments)]))
        body = json.loads(format.ending(Ending("complete"), None))
        (call,) = body["choices"][0]["message"]["tool_calls"]
        assert call["function"] == {"arguments": "", "name": "now"}

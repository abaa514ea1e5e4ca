"""``ServerSentEvent``: a reader gets any content that was sent, and bad fields are refused."""

from __future__ import annotations

import dataclasses
import enum
import re
from typing import Any, Dict, List

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flask_llmstream.sse.decoder import EventStreamDecoder, MessageEvent
from flask_llmstream.sse.event import ServerSentEvent, data_lines
from flask_llmstream.sse.text import utf8

LINE_ENDS = ["\n", "\r", "\r\n"]
NO_LINE_ENDS = ["\v", "\f", "\x1c", "\x1d", "\x1e", "\x85", "\u2028", "\u2029"]
"""The line ends of ``str.splitlines`` that are none in an event stream."""

pieces = st.sampled_from([*LINE_ENDS, *NO_LINE_ENDS, "data: x", "id", ":", " ", "\0", "\ud83d"])
texts = st.lists(pieces | st.text(st.characters(), max_size=5), max_size=8).map("".join)
one_liners = texts.map(lambda text: re.sub("[\r\n]", "", text))
event_ids = one_liners.map(lambda text: text.replace("\0", ""))
fields = st.fixed_dictionaries(
    {
        "data": st.none() | texts,
        "event": st.none() | one_liners,
        "id": st.none() | event_ids,
        "retry": st.none() | st.integers(0, 2**53 - 1),
        "comment": st.none() | texts,
    }
)


def received(*frames: bytes) -> List[MessageEvent]:
    return EventStreamDecoder().feed(b"".join(frames))


def as_carried(text: str) -> str:
    """The text that a reader gets: with U+FFFD for lone surrogates, and LF as the only line end."""
    text = text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return re.sub("\r\n|\r", "\n", text)


# The event that a reader gets.


@given(fields)
def test_a_reader_gets_each_field_as_it_was_given(given_fields: Dict[str, Any]) -> None:
    event = ServerSentEvent(**given_fields)
    decoder = EventStreamDecoder()
    got = decoder.feed(event.encode())
    event_id = as_carried(event.id or "")
    if event.data is None:
        assert got == []
    else:
        kind = as_carried(event.event or "message")
        assert got == [MessageEvent(kind, as_carried(event.data), event_id)]
    assert (decoder.last_event_id, decoder.retry) == (event_id, event.retry)


@given(fields)
def test_no_field_reaches_into_the_events_beside_it(given_fields: Dict[str, Any]) -> None:
    before, after = ServerSentEvent("before", id="1"), ServerSentEvent("after", id="2")
    got = received(before.encode(), ServerSentEvent(**given_fields).encode(), after.encode())
    assert [got[0], got[-1]] == [
        MessageEvent("message", "before", "1"),
        MessageEvent("message", "after", "2"),
    ]
    assert len(got) == (2 if given_fields["data"] is None else 3)


def needs_its_end(given_fields: Dict[str, Any]) -> bool:
    return {given_fields[name] for name in ("data", "event", "id")} != {None}


@given(fields.filter(needs_its_end))
def test_an_event_is_one_block(given_fields: Dict[str, Any]) -> None:
    block = ServerSentEvent(**given_fields).encode()
    assert block.endswith(b"\n\n")
    assert b"\n\n" not in block[:-1]
    assert b"\r" not in block


@given(fields.filter(lambda given_fields: not needs_its_end(given_fields)))
def test_a_comment_and_a_reconnection_time_are_lines_without_a_blank_one(
    given_fields: Dict[str, Any],
) -> None:
    lines = ServerSentEvent(**given_fields).encode()
    assert b"" not in lines.split(b"\n")[:-1]
    assert lines[-1:] in (b"", b"\n")


@pytest.mark.parametrize("end", LINE_ENDS)
def test_data_is_split_at_each_end_of_a_line(end: str) -> None:
    assert ServerSentEvent(f"1{end}2").encode() == b"data: 1\ndata: 2\n\n"


@pytest.mark.parametrize("character", NO_LINE_ENDS)
def test_data_is_split_at_nothing_else(character: str) -> None:
    assert received(ServerSentEvent(f"1{character}2").encode())[0].data == f"1{character}2"


@pytest.mark.parametrize("data", [" Hello", "  ", "\n", "Hello\n", "\n\n", ""])
def test_white_space_survives(data: str) -> None:
    assert received(ServerSentEvent(data).encode())[0].data == data


def test_an_event_of_empty_text_is_an_event() -> None:
    assert received(ServerSentEvent("").encode()) == [MessageEvent("message", "", "")]


def test_an_empty_id_resets_the_last_event_id() -> None:
    decoder = EventStreamDecoder()
    decoder.feed(ServerSentEvent("1", id="7").encode() + ServerSentEvent("2", id="").encode())
    assert decoder.last_event_id == ""


def test_an_id_without_data_is_taken_and_tells_of_no_event() -> None:
    decoder = EventStreamDecoder()
    assert decoder.feed(ServerSentEvent(id="7").encode()) == []
    assert decoder.last_event_id == "7"


# The bytes.


def test_fields_come_in_one_order() -> None:
    event = ServerSentEvent("text", "add", "7", 1000, "note")
    assert event.encode() == b": note\nevent: add\ndata: text\nid: 7\nretry: 1000\n\n"


def test_a_reconnection_time_of_nothing_is_sent() -> None:
    assert ServerSentEvent(retry=0).encode() == b"retry: 0\n"


def test_each_line_of_a_comment_is_one() -> None:
    assert ServerSentEvent(comment="1\r2\n3").encode() == b": 1\n: 2\n: 3\n"


@pytest.mark.parametrize(
    "data, text",
    [
        ({"message": "你好\n"}, '{"message":"你好\\n"}'),
        ([1, None], "[1,null]"),
        (0, "0"),
        (False, "false"),
        ({}, "{}"),
    ],
)
def test_data_that_is_no_text_is_sent_as_json(data: Any, text: str) -> None:
    assert received(ServerSentEvent(data).encode())[0].data == text


@given(texts)
def test_bare_data_lines_are_those_of_an_event(text: str) -> None:
    assert utf8(data_lines(text) + "\n") == ServerSentEvent(text).encode()


class Shouted(str):
    def __str__(self) -> str:
        return self.upper()


class Word(str, enum.Enum):
    YES = "yes"


@pytest.mark.parametrize("text", [Shouted("yes"), Word.YES], ids=repr)
@pytest.mark.parametrize("field", ["data", "event", "id", "comment"])
def test_text_of_one_s_own_class_is_sent_by_its_characters(field: str, text: Any) -> None:
    """It is not sent by its ``str()``: such a class may change that, and ``Enum`` does."""
    assert ServerSentEvent(**{field: text}).encode() == ServerSentEvent(**{field: "yes"}).encode()


# Refusals.


@pytest.mark.parametrize("end", LINE_ENDS)
@pytest.mark.parametrize("field", ["event", "id"])
@pytest.mark.parametrize("text", ["{}", "a{}", "{}a", "a{}data: forged"])
def test_a_line_break_would_forge_a_field(field: str, end: str, text: str) -> None:
    with pytest.raises(ValueError, match=f"^{field}: can't hold a line break"):
        ServerSentEvent("data", **{field: text.format(end)})  # type: ignore[arg-type]


def test_an_id_with_a_nul_would_be_ignored() -> None:
    with pytest.raises(ValueError, match="^id: can't hold a NUL"):
        ServerSentEvent("data", id="7\0")


@pytest.mark.parametrize("retry", [-1, 1.5, 1.0, "1000", True, float("nan")])
def test_a_reconnection_time_is_a_natural_number(retry: Any) -> None:
    with pytest.raises(ValueError, match=f"^retry: has to be whole milliseconds.*{retry}"):
        ServerSentEvent("data", retry=retry)


@pytest.mark.parametrize("field", ["event", "id", "comment"])
@pytest.mark.parametrize("value, kind", [(7, "int"), (b"7", "bytes"), (False, "bool")])
def test_a_field_that_is_no_text_is_refused(field: str, value: Any, kind: str) -> None:
    with pytest.raises(ValueError, match=f"^{field}: has to be text, not {kind}$"):
        ServerSentEvent("data", **{field: value})


def test_data_without_a_form_in_json_names_its_type() -> None:
    with pytest.raises(TypeError, match="bytes"):
        ServerSentEvent(b"data").encode()


def test_data_with_nan_in_it_names_where() -> None:
    with pytest.raises(ValueError, match=re.escape("$.score is one")):
        ServerSentEvent({"score": float("nan")}).encode()


def test_what_was_checked_stays_as_it_is() -> None:
    event = ServerSentEvent("data", event="add")
    with pytest.raises(dataclasses.FrozenInstanceError):
        event.event = "forged\ndata: forged"  # type: ignore[misc]

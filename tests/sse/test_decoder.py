"""The decoder keeps section 9.2.6 of WHATWG HTML, wherever the network cuts the stream.

``tests/streams/parser`` holds raw streams, each beside the events that a reader gets. The browser's
decoder is tested with the same files.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any, Dict, Iterable, List, Tuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flask_llmstream.errors import EventTooLarge
from flask_llmstream.sse.decoder import EventStreamDecoder, MessageEvent
from flask_llmstream.sse.event import ServerSentEvent

STREAMS = sorted(Path(__file__).parents[1].glob("streams/parser/*.sse"))

each_stream = pytest.mark.parametrize("path", STREAMS, ids=lambda path: path.stem)


def decoded(pieces: Iterable[bytes]) -> Dict[str, Any]:
    decoder = EventStreamDecoder()
    events = [event._asdict() for piece in pieces for event in decoder.feed(piece)]
    return {"events": events, "last_event_id": decoder.last_event_id, "retry": decoder.retry}


def expected(path: Path) -> Dict[str, Any]:
    twin = json.loads(path.with_suffix(".json").read_text("utf-8"))
    return {name: twin[name] for name in ("events", "last_event_id", "retry")}


def bytes_of(stream: bytes) -> List[bytes]:
    return [stream[at:at + 1] for at in range(len(stream))]


def cut(stream: bytes, places: Iterable[int]) -> List[bytes]:
    ends = [0, *sorted(places), len(stream)]
    return [stream[start:end] for start, end in zip(ends, ends[1:])]


def cuts(stream: bytes) -> "st.SearchStrategy[List[bytes]]":
    places = st.lists(st.integers(0, len(stream)), max_size=20)
    return places.map(lambda chosen: cut(stream, chosen))


def test_every_stream_has_its_expectation() -> None:
    folder = STREAMS[0].parent
    assert {path.stem for path in STREAMS} == {path.stem for path in folder.glob("*.json")}


@each_stream
def test_whole(path: Path) -> None:
    assert decoded([path.read_bytes()]) == expected(path)


@each_stream
def test_byte_by_byte(path: Path) -> None:
    assert decoded(bytes_of(path.read_bytes())) == expected(path)


@each_stream
def test_cut_in_two_anywhere_with_nothing_between(path: Path) -> None:
    stream, twin = path.read_bytes(), expected(path)
    for place in range(len(stream) + 1):
        assert decoded([stream[:place], b"", stream[place:]]) == twin, place


@given(st.data(), st.sampled_from(STREAMS))
def test_cut_at_random(data: st.DataObject, path: Path) -> None:
    assert decoded(data.draw(cuts(path.read_bytes()))) == expected(path)


PIECES = [b"data", b"event", b"id", b"retry", b":", b" ", b"\r", b"\n", b"\r\n", b"\n\n", b"12"]
PIECES += [b"\0", b"\xef\xbb\xbf", b"\xf0\x9f\x9a\x80", b"\xe4\xbd", b"\xff", b"\xe2\x80\xa8"]

hostile_streams = st.lists(st.sampled_from(PIECES), max_size=60).map(b"".join)


@given(st.data(), hostile_streams)
def test_no_cut_changes_what_a_hostile_stream_says(data: st.DataObject, stream: bytes) -> None:
    assert decoded(data.draw(cuts(stream))) == decoded([stream])


def line_by_line(stream: bytes) -> List[Tuple[str, str]]:
    """The types and the data of the events, read as section 9.2.6 tells it, one line at a time."""
    text = stream[3:] if stream.startswith(b"\xef\xbb\xbf") else stream
    *lines, _ = re.split(b"\r\n|\r|\n", text)
    received: List[Tuple[str, str]] = []
    event, data = b"", b""
    for line in lines:
        name, _, value = line.partition(b":")
        value = value[1:] if value.startswith(b" ") else value
        if name == b"event":
            event = value
        elif name == b"data":
            data += value + b"\n"
        elif not line:
            if data:
                fields = (event or b"message", data[:-1])
                received.append(tuple(each.decode("utf-8", "replace") for each in fields))
            event, data = b"", b""
    return received


MOSTLY_PLAIN = [b"data: 1\n\n", b"data: \xe2\x82\xac\n\n", b"data:2\r\n\r\n", b"data: \n\n"]
MOSTLY_PLAIN += [b"data: 3\n", b"event: a\ndata: 4\n\n", b": ping\n\n", b"id: 7\n", b"data\n\n"]
MOSTLY_PLAIN += [b"data: 5", b"data: 6\ndata: 7\n\n", b"\n", b"data: 8\n\n\n", b"event: b\n\n"]

mixed_streams = st.lists(st.sampled_from(MOSTLY_PLAIN + PIECES), max_size=30).map(b"".join)


@given(st.data(), mixed_streams)
def test_each_cut_says_what_a_reading_line_by_line_says(
    data: st.DataObject, stream: bytes
) -> None:
    said = decoded(data.draw(cuts(stream)))
    assert [(each["event"], each["data"]) for each in said["events"]] == line_by_line(stream)
    assert said == decoded(bytes_of(stream))


@given(st.binary())
def test_any_bytes_are_a_stream(stream: bytes) -> None:
    assert decoded(bytes_of(stream)) == decoded([stream])


texts = st.text(st.one_of(st.sampled_from("\r\n\0 :\u2028\ufeff\ud83d\ude80"), st.characters()))
one_line = texts.map(lambda text: re.sub("[\r\n]", "", text))
events = st.builds(
    ServerSentEvent,
    data=st.none() | texts,
    event=st.none() | one_line,
    id=st.none() | one_line.map(lambda text: text.replace("\0", "")),
    retry=st.none() | st.integers(0, 2**53 - 1),
    comment=st.none() | texts,
)


def as_carried(text: str) -> str:
    """The text that a reader gets: with U+FFFD for lone surrogates, and LF as the only line end."""
    text = text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return re.sub("\r\n|\r", "\n", text)


def as_received(sent: Iterable[ServerSentEvent]) -> Tuple[List[MessageEvent], str]:
    received, last_event_id = [], ""
    for event in sent:
        if event.id is not None:
            last_event_id = as_carried(event.id)
        if event.data is not None:
            name = as_carried(event.event or "message")
            received.append(MessageEvent(name, as_carried(event.data), last_event_id))
    return received, last_event_id


@given(st.data(), st.lists(events, max_size=5))
def test_what_was_encoded_is_decoded(data: st.DataObject, sent: List[ServerSentEvent]) -> None:
    decoder = EventStreamDecoder()
    stream = b"".join(event.encode() for event in sent)
    received = [event for piece in data.draw(cuts(stream)) for event in decoder.feed(piece)]
    assert (received, decoder.last_event_id) == as_received(sent)
    assert decoder.retry == next((e.retry for e in reversed(sent) if e.retry is not None), None)


def test_a_block_that_ends_with_cr_is_told_at_once() -> None:
    decoder = EventStreamDecoder()
    assert decoder.feed(b"data: 1\r\n\r") == [MessageEvent("message", "1", "")]
    assert decoder.feed(b"\n") == []


def test_an_event_says_its_fields_by_name() -> None:
    (event,) = EventStreamDecoder().feed(b"event: add\ndata: 1\nid: 7\n\n")
    assert (event.event, event.data, event.id) == ("add", "1", "7")


def test_a_fresh_decoder_has_no_last_event_id_and_no_retry() -> None:
    decoder = EventStreamDecoder()
    assert (decoder.last_event_id, decoder.retry) == ("", None)


FITS = [b"data: 34567890", b"data: 7\ndata: 5", b": a comment...", b"foo: something"]
GROWN = [b"data: 345678901", b"data: 78\ndata: 5", b": a comment....", b"data: 7\nevent: xy"]


@pytest.mark.parametrize("block", FITS)
@pytest.mark.parametrize("pieces", [lambda stream: [stream], bytes_of])
def test_up_to_the_bound_a_block_is_read(block: bytes, pieces: Any) -> None:
    decoder = EventStreamDecoder(max_event_bytes=14)
    stream = b"\xef\xbb\xbf" + block + b"\n\ndata: next\n\n"
    received = [event for piece in pieces(stream) for event in decoder.feed(piece)]
    assert received[-1] == MessageEvent("message", "next", "")


@pytest.mark.parametrize("block", GROWN)
@pytest.mark.parametrize("pieces", [lambda stream: [stream], bytes_of])
@pytest.mark.parametrize("ending", [b"", b"\n\n"])
def test_past_the_bound_it_is_refused(block: bytes, pieces: Any, ending: bytes) -> None:
    decoder = EventStreamDecoder(max_event_bytes=14)
    with pytest.raises(EventTooLarge, match="14 bytes") as refused:
        for piece in pieces(block + ending):
            decoder.feed(piece)
    assert refused.value.limit == 14


def test_what_came_before_a_refused_event_is_not_lost() -> None:
    decoder = EventStreamDecoder(max_event_bytes=14)
    stream = b"data: 1\n\ndata: " + b"x" * 20 + b"\n\ndata: 2\n\n"
    assert decoder.feed(stream) == [MessageEvent("message", "1", "")]
    for _ in range(2):
        with pytest.raises(EventTooLarge):
            decoder.feed(b"data: 3\n\n")


@given(st.data(), hostile_streams | mixed_streams, st.integers(1, 20))
def test_no_cut_changes_whether_the_bound_holds(
    data: st.DataObject, stream: bytes, bound: int
) -> None:
    def outcome(pieces: List[bytes]) -> Tuple[List[MessageEvent], bool]:
        decoder = EventStreamDecoder(max_event_bytes=bound)
        received: List[MessageEvent] = []
        try:
            for piece in [*pieces, b""]:
                received += decoder.feed(piece)
        except EventTooLarge:
            return received, True
        return received, False

    assert outcome(data.draw(cuts(stream))) == outcome([stream])


def test_heartbeats_never_add_up_to_the_bound() -> None:
    decoder = EventStreamDecoder(max_event_bytes=14)
    decoder.feed(b"data: 1\n" + b": ping\n" * 1000)
    assert decoder.feed(b"\n") == [MessageEvent("message", "1", "")]


def test_every_event_has_the_bound_to_itself() -> None:
    decoder = EventStreamDecoder(max_event_bytes=14)
    assert len(decoder.feed(b"data: 12345678\n\n" * 100)) == 100


@pytest.mark.parametrize("bound", [0, -1])
def test_a_bound_below_one_byte_is_refused(bound: int) -> None:
    with pytest.raises(ValueError, match="max_event_bytes: has to be at least 1"):
        EventStreamDecoder(max_event_bytes=bound)


class Listener(EventStreamDecoder):
    """Makes an event of each line that the standard ignores."""

    def ignored(self, line, events):
        events.append(MessageEvent("ignored", line.decode("utf-8", "replace"), ""))


@pytest.mark.parametrize("line", ["error: boom", ": comment", '{"error": 1}', "retry: soon"])
def test_a_subclass_may_read_the_lines_that_are_ignored(line):
    stream = f"data: a\n\n{line}\ndata: b\n\n".encode()
    read = [(event.event, event.data) for event in Listener().feed(stream)]
    assert read == [("message", "a"), ("ignored", line), ("message", "b")]
    assert [event.data for event in EventStreamDecoder().feed(stream)] == ["a", "b"]


@given(st.data(), mixed_streams)
def test_no_cut_changes_which_lines_these_are(data, stream):
    listener, other = Listener(), Listener()
    whole = listener.feed(stream)
    assert [event for piece in data.draw(cuts(stream)) for event in other.feed(piece)] == whole


def test_and_the_type_of_a_block_without_data():
    assert [event.data for event in Listener().feed(b"event: error\nid: 1\n\n")] == ["event:error"]

"""A stream's ID and the event IDs of its events."""

from __future__ import annotations

import pytest

from flask_llmstream.stream.ids import (
    LastEvent,
    ended_id,
    last_event_of,
    new_stream_id,
    opening_id,
)

SOME = "a" * 32


def test_ids_are_new_each_time_and_too_long_to_guess():
    ids = {new_stream_id() for _ in range(100)}
    assert len(ids) == 100
    assert {len(each) for each in ids} == {32}


def test_the_opening_is_number_0():
    stream_id = new_stream_id()
    assert last_event_of(opening_id(stream_id)) == LastEvent(stream_id, 0, 1)


def test_the_end_has_no_number():
    stream_id = new_stream_id()
    assert last_event_of(ended_id(stream_id)) == LastEvent(stream_id, None, 1)


@pytest.mark.parametrize(
    "text, last",
    [
        (f"{SOME}:7", LastEvent(SOME, 7, 1)),
        (f"{SOME}:2.7", LastEvent(SOME, 7, 2)),
        (f"{SOME}:end.2", LastEvent(SOME, None, 1, 2)),
        ("A_-z0" * 6 + "xy:12", LastEvent("A_-z0" * 6 + "xy", 12, 1)),
    ],
)
def test_an_event_has_its_run_and_its_number(text, last):
    assert last_event_of(text) == last


@pytest.mark.parametrize(
    "text",
    [
        "", "5", "-1", "a" * 31 + ":1", "a" * 33 + ":1", "é" * 32 + ":1", SOME, f"{SOME}:",
        f"{SOME}:-1", f"{SOME}:01", f"{SOME}:1.", f"{SOME}:0.1", f"{SOME}:1.-1", f"{SOME}:1:2",
        f"{SOME}:٣", f"{SOME}:ENDED", f"{SOME}:end",
        f"{SOME}:end.0", f"{SOME}:1\n", f" {SOME}:1", f"{SOME}:{'9' * 17}",
        f"{SOME}:{'9' * 10}.1",
    ],
)  # fmt: skip
def test_any_other_text_is_no_event_of_a_stream(text):
    assert last_event_of(text) is None

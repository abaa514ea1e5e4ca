"""The code of docs/formats.md runs, and its tables are those of the formats."""

from __future__ import annotations

import json
import pathlib
import re

import pytest

from flask_llmstream import EventStreamDecoder
from flask_llmstream.formats import BY_ACCEPT, FORMATS
from tests.formats.test_kinds import ROWS
from tests.support.runtimes import wait_for_worker_threads

DOCUMENT = (pathlib.Path(__file__).parents[2] / "docs/formats.md").read_text(encoding="utf-8")


def rows(heading):
    """The cells of the table below a heading cell, row by row."""
    table = DOCUMENT[DOCUMENT.index(f"| {heading} |") :].split("\n\n")[0]
    return [[cell.strip() for cell in row.split("|")[1:-1]] for row in table.split("\n")[2:]]


@pytest.fixture(scope="module")
def shown_app():
    names = {"__name__": "formats"}
    exec("\n".join(re.findall(r"```python\n(.*?)```", DOCUMENT, re.DOTALL)), names)
    return names["app"]


def test_a_format_of_one_s_own_writes_what_it_shows_and_counts_the_rest(shown_app, caplog):
    caplog.set_level("INFO")
    body = shown_app.test_client().get("/greeting").data
    events = [event for event in EventStreamDecoder().feed(body) if event.event == "message"]
    assert [json.loads(event.data) for event in events] == [
        {"type": "text", "text": "Good morning."},
        {"type": "end", "reason": "complete"},
    ]
    wait_for_worker_threads()  # the log follows the last event
    assert "(left out: 1 reasoning)" in caplog.text


def test_a_view_runs_a_tool_and_shows_a_part_of_its_own(shown_app):
    body = shown_app.test_client().post("/forecast").data
    events = [event.data for event in EventStreamDecoder().feed(body)]
    kinds = [json.loads(each)["type"] for each in events[:-1]]
    assert kinds == [
        *("start", "start-step", "tool-input-start", "tool-input-delta", "tool-input-available"),
        *("tool-output-available", "finish-step", "start-step"),
        *("text-start", "text-delta", "text-end", "data-weather", "finish-step", "finish"),
    ]


def test_each_name_of_a_format_is_in_the_table():
    named = [re.findall("`(.*?)`", row[0])[0] for row in rows("`format`")]
    assert {*FORMATS, BY_ACCEPT, "openai", "RawFormat", "Format"} == set(named)


@pytest.mark.parametrize(
    "column, formats",
    [(1, "message ndjson"), (3, "text plain lines array"), (4, "ui-message")],
)
def test_what_is_left_out_is_in_the_table(column, formats):
    left_out = {
        kind
        for row in rows("what is said")
        for kind in re.findall("`(.*?)`", row[0])
        if row[column] == "left out"
    } - {"choice_extra", "chunk_extra"}
    for name in formats.split():
        assert ROWS["chunks"].shows - ROWS[name].shows == left_out

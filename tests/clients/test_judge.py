"""The judge lets nothing pass that a client changed, lost or made up."""

from __future__ import annotations

import pytest

from tests.clients.judge import COUNTED, fault
from tests.clients.scenes import CALLS, PERSON, RECALLED, TOOL, WEATHER_TOLD
from tests.streams.cases import all_as

CALLED = [[TOOL, arguments] for _, arguments in CALLS]
ERROR = {"class": "RateLimitError", "message": "Too many at once.", "status": 429}
WRONG = {"class": "E", "message": "seed: is not for this model", "status": 400, "code": "c"}


def told(cell, value, model="own"):
    return {"row": "any", "model": model, "cell": cell, "value": value}


RIGHT = [
    told("text", all_as("json").text),
    told("weather", {"calls": CALLED, "finish": "tool_calls", "answer": WEATHER_TOLD}),
    told("weather", {"calls": CALLED[::-1], "answer": WEATHER_TOLD.strip()}),
    told("turns", {"calls": CALLED, "answer": WEATHER_TOLD, "recalled": RECALLED}),
    told("person_by_tool", PERSON),
    told("refuses", "I can't help with that."),
    told("usage", COUNTED),
    told("busy", ERROR),
    told("busy", {**ERROR, "message": "any"}, "relay"),
    told("busy_once", {"class": "RateLimitError", "waited": 1.0}),
    told("wrong", {**WRONG, "param": "seed", "type": "t", "request_id": "r"}, "relay"),
    told("slow", 3.1),
]
FALSE = [
    told("text", all_as("json").text.replace("\u2028", "\n")),
    told("text", ""),
    told("halves", "Up: \ufffd\ufffd!"),
    told("reasons", {"reasoning": "", "text": "It is 42."}),
    told("weather", {"calls": CALLED[:1], "answer": WEATHER_TOLD}),
    told("weather", {"calls": CALLED, "finish": "stop", "answer": WEATHER_TOLD}),
    told("weather", {"calls": CALLED, "answer": ""}),
    told("turns", {"calls": CALLED, "answer": WEATHER_TOLD, "recalled": "I called for , heard"}),
    told("person", {**PERSON, "age": "36"}),
    told("refuses", ""),
    told("logprobs", []),
    told("usage", {**COUNTED, "cached": None}),
    told("busy", {"class": None, "got": "''"}),
    told("busy", {**ERROR, "message": "any"}),
    told("busy", {**ERROR, "status": 500}),
    told("busy", {**ERROR, "type": None}),
    told("busy_once", {"class": "RateLimitError", "waited": 0.0}),
    told("wrong", {**WRONG, "param": None}, "relay"),
    told("wrong", {**WRONG, "request_id": None}),
    {"row": "any", "model": "own", "cell": "text", "failed": {"class": "E", "message": ""}},
]


@pytest.mark.parametrize("line", RIGHT, ids=str)
def test_what_is_right_has_no_fault(line):
    assert fault(line) is None


@pytest.mark.parametrize("line", FALSE, ids=str)
def test_what_is_false_has_one(line):
    assert fault(line)

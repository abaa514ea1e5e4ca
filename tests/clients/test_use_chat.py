"""``useChat`` and its transport work with the URL alone, in the AI SDK's versions 5, 6 and 7."""

from __future__ import annotations

import base64
import json
import os
import re
import subprocess

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from tests.clients.clients import HANG_GUARD, UI, asked_app
from tests.clients.judge import JUDGES
from tests.clients.scenes import BROKEN, BUSY
from tests.conftest import needs
from tests.formats.test_ui_message import ANSWERS, framed

VERSIONS = ["5", "6", "7"]
OLDEST = "5.0.92"
"""The oldest version that reads the chunks. It refuses one with a member that it doesn't know."""
ANSWERED = 100
"""How many answers each version reads."""
needs("the AI SDK's useChat", UI.installed)


def run(command, **environment):
    """The lines that a script prints."""
    ran = subprocess.run(
        command,
        env={**os.environ, **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        timeout=HANG_GUARD,
    )
    assert ran.returncode == 0, ran.stderr.decode()[-2000:]
    return [json.loads(line) for line in ran.stdout.splitlines()]


@pytest.fixture(scope="module")
def told():
    """What each page got, by version, model and cell."""
    with asked_app("tests.clients.page_app:app") as addresses:
        lines = run(UI.command("with_use_chat"), **addresses)
    return {(line["version"], line["model"], line["cell"]): line for line in lines}


@pytest.fixture(params=VERSIONS)
def version(request):
    return request.param


@pytest.fixture(params=["own", "relay"])
def got(request, told, version):
    """What a page got in a cell, from a function and from a model's server."""

    def got(cell):
        line = told[version, request.param, cell]
        assert "value" in line, line["failed"]
        return line["value"]

    return got


@pytest.fixture
def shown(told, version):
    """What a page got from a view of the application's own."""

    def shown(view):
        line = told[version, "own", view]
        assert "value" in line, line["failed"]
        return line["value"]

    return shown


@pytest.mark.parametrize("cell", ["text", "halves", "reasons", "refuses"])
def test_a_page_gets_what_the_model_said(got, cell):
    assert JUDGES[cell](got(cell)) is None


def test_a_page_answers_the_calls_of_a_tool_and_asks_again_by_itself(got):
    weather = got("weather")
    assert JUDGES["weather"](weather) is None
    assert weather["states"] == ["output-available", "output-available"]
    assert weather["messages"] == 2  # the answer goes on in the message that called
    assert [each["finishReason"] for each in weather["finished"]] == ["tool-calls", "stop"]
    assert weather["errors"] == []


def test_the_counts_are_the_message_s_metadata(got):
    assert got("usage") == {
        "inputTokens": 11,
        "outputTokens": 7,
        "totalTokens": 18,
        "cachedInputTokens": 3,
        "reasoningTokens": 2,
    }


def test_an_early_error_is_its_words_alone(told, version):
    assert told[version, "own", "busy"]["value"] == [BUSY.error["message"]]
    (message,) = told[version, "relay", "busy"]["value"]
    assert re.fullmatch(r"[A-Z][\w' ]+\.", message)


def test_a_request_that_can_t_be_read_names_its_part(got):
    assert got("wrong") == ["messages[0].parts[0].text: has to be text, not null"]


def test_a_late_error_ends_the_message_and_keeps_its_text(got, told, version):
    broken = got("breaks")
    assert (broken["text"], broken["state"], broken["status"]) == ("Once upon ", "done", "error")
    assert told[version, "own", "breaks"]["value"]["errors"] == [BROKEN.error["message"]]


def test_the_model_ends_when_the_page_stops(got):
    assert got("left") == {"ended": True, "errors": []}


def test_an_answer_is_made_again(got):
    assert got("regenerated") == {"text": "Up: 🚀!", "messages": 2, "other": True}


def test_use_completion_works_too(got):
    assert got("completed") == {"text": "Up: 🚀!", "errors": []}


def test_an_image_is_sent(got):
    assert got("image") == {"text": "Up: 🚀!", "errors": []}


def test_a_view_of_one_s_own_shows_each_kind_of_part(shown):
    view = shown("parts")
    parts = [part for part in view["parts"]]
    assert [part["type"] for part in parts] == [
        *("step-start", "reasoning", "text", "source-url", "file"),
        *("data-weather", "data-progress", "data-item", "tool-add"),
        *("step-start", "tool-add", "source-document"),
    ]
    assert parts[5]["data"] == {"degrees": 21}  # the second one took the first one's place
    assert (parts[8]["state"], parts[8]["input"], parts[8]["output"]) == (
        *("output-available", {"a": 1}, 3),
    )
    assert parts[10]["state"] == "output-error"
    assert view["metadata"] == {"by": "a view"}
    assert view["errors"] == []


def test_a_part_that_is_not_kept_reaches_the_page_once(shown):
    transient = [part for part in shown("parts")["data"] if part.get("transient")]
    assert transient == [{"type": "data-progress", "data": 0.5, "transient": True}]


def test_an_answer_that_was_cancelled_leaves_no_open_block_and_no_call_to_run(shown):
    view = shown("cancelled")
    states = [(part["type"], part.get("state")) for part in view["parts"]]
    assert states == [
        ("step-start", None),
        ("reasoning", "done"),
        ("text", "done"),
        ("tool-add", "input-streaming"),
    ]
    assert (view["status"], view["errors"]) == ("ready", [])


def test_each_version_reads_whatever_is_said(tmp_path):
    answers = []

    @settings(max_examples=ANSWERED, phases=[Phase.generate], database=None, deadline=None)
    @given(ANSWERS, st.sampled_from(["complete", "cancelled"]))
    def answer(items, reason):
        answers.append(base64.b64encode(framed(items, reason)).decode())

    answer()
    assert len(answers) > ANSWERED / 2
    file = tmp_path / "answers.json"
    file.write_text(json.dumps(answers))
    lines = run([*UI.command("reading_ui_messages"), str(file)])
    failed = {line["version"]: line["failed"] for line in lines}
    assert failed == dict.fromkeys([OLDEST, *VERSIONS], [])

"""Pages with ``useChat`` come back to their answers, in the AI SDK's versions 5, 6 and 7."""

from __future__ import annotations

import json
import os
import subprocess

import pytest

from tests.clients.clients import HANG_GUARD, UI
from tests.conftest import needs
from tests.support.servers import GEVENT, serving

VERSIONS = ["5.0.92", "5", "6", "7"]
TEXT = "one two three 四 five"
WHOLE = {"text": TEXT, "messages": 2, "status": "ready", "errors": []}
NOTHING = {"text": None, "messages": 1, "status": "ready", "errors": []}
needs("the AI SDK's useChat", UI.installed)


@pytest.fixture(scope="module")
def told():
    """What each page got, by version and cell."""
    command = GEVENT.command.replace("{app}", "tests.clients.resumed_app:app")
    with serving(command) as live:
        ran = subprocess.run(
            UI.command("with_resumed_chat"),
            env={**os.environ, "APP": f"http://127.0.0.1:{live.port}"},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            timeout=HANG_GUARD,
        )
    assert ran.returncode == 0, ran.stderr.decode()[-2000:]
    lines = [json.loads(line) for line in ran.stdout.splitlines()]
    return {(line["version"], line["cell"]): line for line in lines}


@pytest.fixture(params=VERSIONS)
def got(request, told):
    def got(cell):
        line = told[request.param, cell]
        assert "value" in line, line["failed"]
        return line["value"]

    return got


def test_a_page_that_is_reloaded_in_the_middle_gets_the_whole_answer_which_is_made_once(got):
    assert got("reload") == {**WHOLE, "made": 1, "same": True}


def test_several_tabs_show_it_live(got):
    assert got("tabs") == {"made": 1, "shown": [WHOLE, WHOLE, WHOLE]}


@pytest.mark.parametrize("cell", ["over", "another"])
def test_there_is_nothing_behind_the_end_and_for_another_user(got, cell):
    assert {**got(cell), "theirs": TEXT} == {**NOTHING, "theirs": TEXT}


def test_an_unknown_chat_has_nothing(got):
    assert got("unknown") == {**NOTHING, "messages": 0}


def test_of_two_answers_to_one_question_the_newest_is_shown(got):
    assert got("again") == {**WHOLE, "made": 2, "newest": True}


def test_a_stop_ends_the_answer_in_each_tab(got):
    stopped = {**WHOLE, "text": "one two "}
    assert got("stopped") == {"status": 204, "ended": True, "shown": [stopped, stopped]}


def test_a_page_may_ask_for_the_stream_by_its_own_id(got):
    assert got("prepared") == WHOLE


def test_the_answer_behind_a_tool_comes_back_too(got):
    tool = got("tool")
    assert (tool["text"], tool["parts"][-2:], tool["errors"]) == (TEXT, ["step-start", "text"], [])

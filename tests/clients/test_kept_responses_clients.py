"""OpenAI's own clients ask for responses in the background, and come back to them."""

from __future__ import annotations

import json
import os
import subprocess

import pytest

from tests.clients.clients import HANG_GUARD, NODE, PYTHON
from tests.conftest import needs
from tests.support.servers import GEVENT, ROOT, serving

TEXT = "one two three 四 five"


@pytest.fixture(scope="module", params=[PYTHON, NODE], ids=["openai", "openai-node"])
def got(request):
    """What a client got, by cell."""
    needs(request.param.name, request.param.installed)
    command = GEVENT.command.replace("{app}", "tests.clients.resumed_app:app")
    with serving(command) as live:
        ran = subprocess.run(
            request.param.command("with_kept_responses"),
            cwd=ROOT,
            env={
                **os.environ,
                "APP": f"http://127.0.0.1:{live.port}",
                "PYTHONPATH": str(ROOT),
            },
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            timeout=HANG_GUARD,
        )
    assert ran.returncode == 0, ran.stderr.decode()[-2000:]
    lines = [json.loads(line) for line in ran.stdout.splitlines()]
    return {line["cell"]: line["value"] for line in lines}


def test_a_stream_that_is_cut_goes_on_behind_each_event(got):
    whole = {"text": TEXT, "again": True, "wrong": [], "numbers": True}
    assert got["resumed"] == {**whole, "last": "response.completed"}


def test_a_response_in_the_background_is_asked_for_until_it_is_complete(got):
    assert got["polled"] == {"states": ["in_progress", "in_progress", "completed"], "text": TEXT}


def test_a_cancelled_response_stays_cancelled(got):
    assert got["cancelled"] == {"states": ["cancelled"] * 3, "same": True}


def test_a_turn_goes_on_from_the_one_before(got):
    assert got["gone_on"] == {"first": TEXT, "second": f"word / {TEXT} / recall"}


def test_a_deleted_response_is_not_found(got):
    assert got["deleted"] in (404, 410)

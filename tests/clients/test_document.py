"""docs/clients.md shows what was run: its blocks run as they stand, its table has all clients."""

from __future__ import annotations

import os
import re
import subprocess

import pytest

from tests.clients.clients import CLIENTS, HANG_GUARD, USUAL, asked_app
from tests.clients.matrix import DOCUMENT
from tests.clients.rows import COLUMNS
from tests.conftest import needs

GUIDE = DOCUMENT.read_text(encoding="utf-8")
BLOCK = re.compile(r"^### ([^\n]+)\n\n```(?:python|js)\n(.*?)```", re.MULTILINE | re.DOTALL)
PROMPTS = {
    "Hello": ("scene:text", "I say [DONE] and go on"),
    "Who wrote the first program?": ("scene:person", "Ada Lovelace"),
    "What is the weather in Paris and in Rome?": ("scene:weather", "Rome: 18 °C"),
}
"""The prompts of the blocks: the scene that each stands for, and words of its answer."""


def blocks():
    for name, code in BLOCK.findall(GUIDE):
        known = name.partition(",")[0]  # "openai, responses"
        client = next(client for client in CLIENTS if client.name == known)
        marks = () if client.group in USUAL else pytest.mark.thorough
        yield pytest.param(client, code, id=name, marks=marks)


@pytest.fixture(scope="module")
def addresses():
    with asked_app() as addresses:
        yield addresses


@pytest.mark.parametrize("model", ["own", "relay"])
@pytest.mark.parametrize("client, code", list(blocks()))
def test_a_block_runs_as_it_stands(client, code, model, addresses):
    needs(client.title, client.group.installed)
    (prompt,) = (prompt for prompt in PROMPTS if f'"{prompt}"' in code)
    scene, answer = PROMPTS[prompt]
    code = code.replace("http://127.0.0.1:5000", addresses["APP"]).replace(prompt, scene)
    assert answer in output_of(client, re.sub(r'\bllama"', f'{model}"', code))


def output_of(client, code):
    ran = subprocess.run(
        client.group.running(code),
        env={**os.environ, "PYTHONIOENCODING": "utf-8"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        timeout=HANG_GUARD,
    )
    assert ran.returncode == 0, ran.stderr.decode()[-2000:]
    return ran.stdout.decode()


@pytest.mark.parametrize("client", CLIENTS, ids=lambda client: client.title)
def test_the_table_has_all_that_a_client_gives(client):
    rows = re.findall(rf"^\| {re.escape(client.title)}, (.*) \|$", GUIDE, re.MULTILINE)
    assert rows
    for row in rows:
        assert len(row.split(" | ")) == 1 + len(COLUMNS)
        assert "fails" not in row

"""The readers that need no package, on an answer with heartbeats. ``make test-readers`` has all."""

from __future__ import annotations

import pytest

from tests.matrix.tables import changes
from tests.readers.__main__ import DOCUMENT, refusal
from tests.readers.answers import TEXTS
from tests.readers.cells import ENOUGH, Outcome, asked, run_program
from tests.readers.readers import BY_HAND
from tests.support.servers import serving

BY_NAME = {reader.name: reader for reader in BY_HAND}
READ = [
    ("EventStreamDecoder", "message"),
    ("each blank line is an event", "message"),  # as @microsoft/fetch-event-source, httpx-sse, Go
    ("each blank line is an event", "openai"),
    ("blocks, their data lines", "openai"),
    ("blocks that start with data:", "text"),
]


@pytest.fixture(scope="module")
def server():
    with serving("-m tests.readers.server {port}") as server:
        yield server


def read(server, name, format, situation):
    reader = BY_NAME[name]
    return run_program(server, asked(reader.method, format, situation), format, reader.command)


@pytest.mark.parametrize("name, format", READ)
def test_heartbeats_are_no_events_and_cost_no_word_and_no_second_answer(server, name, format):
    outcome = read(server, name, format, "silent")
    assert (outcome.text.strip(), outcome.statuses) == (TEXTS["silent"], [200])
    assert outcome.empty == 0


@pytest.mark.parametrize("requests", range(ENOUGH, ENOUGH + 3))
def test_the_number_of_requests_that_were_seen_is_chance_and_not_told(requests):
    outcome = Outcome("", [429] * requests, [""] * requests, 0, "")
    assert refusal(outcome) == "says nothing, comes back again and again"


def test_a_row_that_the_document_does_not_have_is_found(capsys):
    rows = [line for line in DOCUMENT.read_text("utf-8").splitlines() if line.startswith("| curl")]
    wrong = rows[0].replace("equal", "**differs**")
    assert changes(DOCUMENT, "\n".join([*rows, wrong]), []) == [wrong]
    assert wrong in capsys.readouterr().err
    assert changes(DOCUMENT, wrong, ["curl -N"]) == []

"""The readers that need no package, on an answer with heartbeats. ``make test-readers`` has all."""

from __future__ import annotations

import pytest

from tests.readers.answers import TEXTS
from tests.readers.cells import asked, run_program
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

"""The most used clients give their user all that a model says, from a function of the application
as well as through it from a model's server. ``make test-clients`` tries all others."""

from __future__ import annotations

import pytest

from tests.clients.clients import CLIENTS, USUAL, asked_app, told_by
from tests.clients.judge import fault
from tests.conftest import needs

MOST_USED = [client for client in CLIENTS if client.group in USUAL]


@pytest.fixture(scope="module")
def addresses():
    with asked_app() as addresses:
        yield addresses


@pytest.mark.parametrize("client", MOST_USED, ids=lambda client: client.name)
def test_its_user_gets_what_the_model_said_but_for_what_it_lacks(client, addresses):
    needs(client.title, client.group.installed)
    lines = told_by(client, addresses)
    assert len(lines) > 20
    faults = {cell_of(line): fault(line) for line in lines if fault(line)}
    assert [faults[cell] for cell in faults.keys() - lacks_of(client, lines)] == []
    assert lacks_of(client, lines) - faults.keys() == set()


def cell_of(line):
    return line["row"], line["model"], line["cell"]


def lacks_of(client, lines):
    return {cell_of(line) for line in lines if client.lack(line)}

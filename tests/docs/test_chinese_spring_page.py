"""The code of docs/zh/coming-from-spring.md runs: it has more examples than the English page."""

from __future__ import annotations

import re
from importlib.util import find_spec

import pytest

from tests.conftest import needs
from tests.docs.pages import got, run_page


@pytest.fixture(scope="module")
def app():
    needs("reactivex", find_spec("reactivex"))
    return run_page("zh/coming-from-spring.md")["app"]


@pytest.mark.parametrize(
    "path, items",
    [
        ("/count", ['"第 0 条"', '"第 1 条"', '"第 2 条"']),
        ("/progress", ["0", "50", "100"]),
        ("/report", ["0", "50", "100"]),
        ("/samples", ["0", "1", "2"]),
        ("/beats", ["0", "1", "2"]),
    ],
)
def test_each_example_sends_its_items_and_ends_whole(app, path, items):
    answer = got(app, path)
    assert re.findall(r'"(?:message|percent|sample|beat)":("[^"]+"|\d+)', answer) == items
    assert '"reason":"complete"' in answer


def test_prices_are_bare_lines(app):
    assert "data: 103\n" in got(app, "/prices")


def test_an_emitter_names_its_events(app):
    assert 'event: progress\ndata: {"percent":50}\n' in got(app, "/progress")

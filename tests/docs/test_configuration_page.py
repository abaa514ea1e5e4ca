"""docs/configuration.md has each option and each key, as the code has them."""

from __future__ import annotations

from tests.docs.options_table import PAGE, written
from tests.docs.pages import run_page, text_of


def test_its_tables_are_those_of_the_code():
    assert written(text_of(PAGE)) == text_of(PAGE), "python -m tests.docs.options_table --write"


def test_its_application_has_the_limits_that_it_says():
    app = run_page(PAGE)["app"]
    assert b"Hello" in app.test_client().get("/words").data
    assert app.config["LLMSTREAM_TOTAL_TIMEOUT"] == 300
    assert app.config["LLMSTREAM_HEARTBEAT"] == 15

"""docs/troubleshooting.md quotes what is really said: its exceptions, and its codes."""

from __future__ import annotations

import re

import pytest
from flask import Flask, stream_with_context

from flask_llmstream import ConfigurationError, LLMStream
from tests.docs.pages import text_of
from tests.support.eventually import eventually
from tests.support.programs import ROOT

PAGE = text_of("troubleshooting.md")
SOURCES = "".join(path.read_text("utf-8") for path in (ROOT / "flask_llmstream").rglob("*.py"))


@pytest.fixture
def app():
    app = Flask(__name__)
    app.streams = LLMStream(app)
    return app


def words():
    yield "word"


def outside(app):
    app.streams.response(words())


def above(app):
    @app.streams.view()
    @app.route("/above")
    def above():
        yield "word"


def in_a_context(app):
    with app.test_request_context():
        app.streams.response(stream_with_context(words()))


def twice(app):
    LLMStream(app)


def misspelt(app):
    other = Flask("other")
    other.config["LLMSTREAM_HEARTBEET"] = 1
    LLMStream(other)


@pytest.mark.parametrize(
    "quoted, kind, mistake",
    [
        ("Working outside of application context.", RuntimeError, outside),
        ("@streams.view() stands above the decorator", ConfigurationError, above),
        ("leave out stream_with_context()", TypeError, in_a_context),
        ("this app has an LLMStream already", ConfigurationError, twice),
        ("there is no such key", ConfigurationError, misspelt),
    ],
)
def test_an_exception_says_what_is_quoted(app, quoted, kind, mistake):
    assert f"| `{quoted}`" in PAGE
    with pytest.raises(kind, match=re.escape(quoted)):
        mistake(app)


def test_none_is_named_in_the_log(app, caplog):
    app.add_url_rule("/none", "none", app.streams.view()(lambda: iter([None])))
    app.test_client().get("/none").get_data()
    assert "`NoneType can't be streamed`" in PAGE
    eventually(lambda: "NoneType can't be streamed" in caplog.text)


def test_each_code_of_an_answer_exists():
    codes = re.findall(r"^\| [\d, ]+ `(\w+)`", PAGE, re.MULTILINE)
    assert {"cross_site", "unknown_model", "too_many_streams"} <= set(codes)
    assert [code for code in codes if f'"{code}"' not in SOURCES] == []

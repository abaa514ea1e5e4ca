"""The code of docs/quickstart.md runs, and its sources stream."""

from __future__ import annotations

import re
from importlib.util import find_spec

import pytest

from tests.conftest import needs
from tests.docs.pages import blocks_of, got, run_page, with_one_id


@pytest.fixture(scope="module")
def names():
    needs("reactivex", find_spec("reactivex"))
    return run_page("quickstart.md")


@pytest.mark.parametrize("page", ["quickstart.md", "zh/quickstart.md"])
def test_the_first_application_answers_as_shown(page):
    names = {"__name__": "quickstart"}
    exec(blocks_of(page)[0], names)
    (shown,) = blocks_of(page, "text")
    answer = got(names["app"], "/words").replace(": \n", ":\n", 1)  # no editor keeps that space
    assert with_one_id(answer.strip()) == with_one_id(shown.strip())


@pytest.mark.parametrize(
    "path, words",
    [
        ("/count", ["0", "1", "2"]),
        ("/clock", ["tick", "tock"]),
        ("/ticks", ["one ", "two ", "three"]),
    ],
)
def test_each_kind_of_source_streams(names, path, words):
    assert re.findall('"message":"([^"]+)"', got(names["app"], path)) == words


def test_a_function_sends_to_an_emitter(names):
    assert got(names["app"], "/progress").count('{"percent":') == 3


def test_a_view_refuses_before_it_streams(names):
    assert names["app"].test_client().get("/count?limit=1000").status_code == 400


def test_the_factory_s_application_has_its_blueprint_and_its_limit(names):
    app = names["create_app"]()
    assert app.config["LLMSTREAM_TOTAL_TIMEOUT"] == 300
    assert '{"title":"A mapping is sent as JSON."}' in got(app, "/news/headlines")


def test_the_chat_endpoints_have_a_model_and_the_counter(names):
    listed = names["chat"].test_client().get("/v1/models").json["data"]
    assert [model["id"] for model in listed] == ["llama", "counter"]

"""What clients are told of the models."""

from __future__ import annotations

from urllib.parse import quote

import pytest
from flask import Flask
from hypothesis import given
from hypothesis import strategies as st

from flask_llmstream import Counter, LLMStream

NAMES = [
    "gemma",
    "org/model:latest",
    "/models/gemma.gguf",
    "models//of/two//slashes/",
    "a%2Fb",
    "100% & more? #1",
    "你好 🚀",
    "two\nlines",
    "completions",
    ".",
    "..",
    " ",
]


def client_of(*names, prefix="/v1"):
    app = Flask("a_site", static_folder=None)
    app.config["LLMSTREAM_URL_PREFIX"] = prefix
    LLMStream(app, providers={name: Counter(1, 0) for name in names})
    return app.test_client()


def retrieve(client, name, prefix="/v1"):
    """As OpenAI's clients ask: each character that is not plain is escaped."""
    return client.get(f"{prefix}/models/{quote(name, safe='')}")


def test_each_has_all_members_of_openai_s_model():
    listed = client_of("gemma").get("/v1/models").get_json()
    assert listed["object"] == "list"
    for model in listed["data"]:
        assert set(model) == {"id", "object", "created", "owned_by"}
        assert (model["object"], type(model["created"])) == ("model", int)


def test_the_time_is_the_same_each_time_it_is_told():
    one, other = client_of("gemma"), client_of("gemma")
    times = [client.get("/v1/models").get_json()["data"][0]["created"] for client in (one, other)]
    assert times[0] == times[1] == retrieve(one, "gemma").get_json()["created"]


@pytest.mark.parametrize("name", NAMES)
def test_one_is_told_as_in_the_list(name):
    client = client_of(*NAMES)
    listed = client.get("/v1/models").get_json()["data"]
    assert retrieve(client, name).get_json() in listed
    assert retrieve(client, name).get_json()["id"] == name


@pytest.mark.parametrize("prefix", ["/", "/<tenant>/v1", "/<path:anything>/v1"])
def test_also_under_another_prefix(prefix):
    at = {"/": "", "/<tenant>/v1": "/acme/v1", "/<path:anything>/v1": "/a/b/v1"}[prefix]
    client = client_of("org/model", prefix=prefix)
    assert retrieve(client, "org/model", at).get_json()["id"] == "org/model"


@given(st.text(st.characters(blacklist_categories=["Cs"], blacklist_characters="\0"), min_size=1))
def test_any_name_can_be_asked_for(name):
    assert retrieve(client_of(name), name).get_json()["id"] == name


@pytest.mark.parametrize("name", ["nobody", "gemma/", "gemma/x", "Gemma"])
def test_an_unknown_one_is_404_and_named(name):
    answer = retrieve(client_of("gemma"), name)
    error = answer.get_json()["error"]
    assert answer.status_code == 404
    assert (error["code"], error["param"]) == ("unknown_model", "model")
    assert error["type"] == "not_found_error"
    assert name in error["message"]


def test_a_route_of_the_application_s_own_goes_first():
    app = Flask("a_site", static_folder=None)
    app.add_url_rule("/v1/models/<name>", "own", lambda name: "own")
    app.add_url_rule("/v1/models/<path:name>", "own_path", lambda name: "own path")
    LLMStream(app, providers={"gemma": Counter(1, 0)})
    client = app.test_client()
    assert client.get("/v1/models/gemma").data == b"own"
    assert client.get("/v1/models/org/gemma").data == b"own path"
    assert client.get("/v1/models").get_json()["object"] == "list"

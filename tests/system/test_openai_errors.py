"""OpenAI's own client at the chat endpoints: models, errors and their IDs."""

from __future__ import annotations

import threading
from importlib.util import find_spec

import pytest
from flask import abort, request
from werkzeug.serving import make_server

from flask_llmstream import CallableProvider, LLMStream, ProviderError, Usage
from tests.conftest import needs

needs("openai", find_spec("openai"))

import openai  # noqa: E402

HELLO = [{"role": "user", "content": "Hello"}]
PATHS = "org/model:latest", "/models/gemma.gguf", "a%2Fb", "100% & more? #1", "你好 🚀"


def words(request):
    yield from ("Hel", "lo")
    yield Usage(1, 2)


def busy(request):
    raise ProviderError("Not now.", status=429, code="provider_limit", field="model")
    yield


MODELS = {"words": words, "busy": busy, **dict.fromkeys(PATHS, words)}


def guard():
    return abort(401) if request.headers.get("Authorization") == "Bearer wrong" else None


@pytest.fixture
def app(make_app):
    models = {name: CallableProvider(answer) for name, answer in MODELS.items()}
    return make_app(LLMStream(providers=models, guard=guard))


@pytest.fixture
def client(app):
    server = make_server("127.0.0.1", 0, app, threaded=True)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    url = f"http://127.0.0.1:{server.port}/v1"
    try:
        with openai.OpenAI(base_url=url, api_key="right", max_retries=0) as client:
            yield client
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def chat(client, model, **options):
    return client.chat.completions.create(model=model, messages=HELLO, **options)


# Models.


def test_the_models_are_listed(client):
    listed = list(client.models.list())
    assert [model.id for model in listed][: len(MODELS)] == list(MODELS)
    assert all(type(model.created) is int for model in listed)


ESCAPES = int(openai.VERSION.partition(".")[0]) >= 3
"""Whether the client escapes a name that it puts into a path. Older ones send it as it is."""


@pytest.mark.parametrize("name", [one for one in MODELS if ESCAPES or not set(one) & set("%?#")])
def test_one_is_retrieved_by_any_name(client, name):
    assert client.models.retrieve(name).id == name


def test_an_unknown_one_is_not_found(client):
    with pytest.raises(openai.NotFoundError) as refused:
        client.models.retrieve("nobody")
    assert (refused.value.code, refused.value.param) == ("unknown_model", "model")


# Errors.


def told(error):
    return error.type, error.param, error.code, bool(error.message)


def test_an_error_before_the_answer_has_all_its_members(client):
    with pytest.raises(openai.RateLimitError) as failed:
        chat(client, "busy", stream=True)
    assert told(failed.value) == ("rate_limit_error", "model", "provider_limit", True)
    assert failed.value.request_id == failed.value.body["id"]

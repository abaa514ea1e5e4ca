"""OpenAI's own client at the chat endpoints: models, older completions, errors and their IDs."""

from __future__ import annotations

import gc
import threading
from importlib.util import find_spec
from socketserver import BaseServer

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


def cut(request):
    yield "Hel"
    raise ProviderError("Cut short.", code="cut", field="messages")


MODELS = {"words": words, "busy": busy, "cut": cut, **dict.fromkeys(PATHS, words)}


def guard():
    return abort(401) if request.headers.get("Authorization") == "Bearer wrong" else None


@pytest.fixture
def app(make_app):
    models = {name: CallableProvider(answer) for name, answer in MODELS.items()}
    return make_app(LLMStream(providers=models, guard=guard))


@pytest.fixture
def client(app):
    server = make_server("127.0.0.1", 0, app, threaded=True)
    server.daemon_threads = False  # its end waits for their ends
    # Werkzeug's own method looks only each half second whether it has to end.
    thread = threading.Thread(target=BaseServer.serve_forever, args=(server, 0.02))
    thread.start()
    url = f"http://127.0.0.1:{server.port}/v1"
    try:
        with openai.OpenAI(base_url=url, api_key="right", max_retries=0) as client:
            yield client
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
        # Where a client resets its connection, the server drops its selector without closing it.
        gc.collect()


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


# The older completions.


def test_a_completion_is_whole(client):
    completion = client.completions.create(model="words", prompt="Say")
    assert completion.choices[0].text == "Hello"
    assert completion.usage.total_tokens == 3
    assert completion.id == f"cmpl-{completion._request_id}"


def test_or_streamed(client):
    options = {"include_usage": True}
    chunks = list(client.completions.create(
        model="words", prompt="Say", stream=True, stream_options=options
    ))  # fmt: skip
    assert [chunk.choices[0].text for chunk in chunks[:-1]] == ["Hel", "lo", ""]
    assert chunks[-1].usage.total_tokens == 3


# Errors.


def told(error):
    return error.type, error.param, error.code, bool(error.message)


@pytest.mark.parametrize("stream", [False, True])
def test_an_error_before_the_answer_has_all_its_members(client, stream):
    with pytest.raises(openai.RateLimitError) as failed:
        chat(client, "busy", stream=stream)
    assert told(failed.value) == ("rate_limit_error", "model", "provider_limit", True)
    assert failed.value.request_id == failed.value.body["id"]


def test_one_in_the_stream_has_them_too(client):
    with pytest.raises(openai.APIError) as failed:
        list(chat(client, "cut", stream=True))
    assert told(failed.value) == ("server_error", "messages", "cut", True)


def test_one_of_a_whole_answer_has_its_class(client):
    with pytest.raises(openai.InternalServerError) as failed:
        chat(client, "cut")
    assert told(failed.value) == ("server_error", "messages", "cut", True)
    assert failed.value.request_id == failed.value.body["id"]


@pytest.mark.parametrize(
    "ask, kind, members",
    [
        (
            lambda client: chat(client, "nobody"),
            openai.NotFoundError,
            ("not_found_error", "model", "unknown_model", True),
        ),
        (
            lambda client: client.embeddings.create(model="words", input="Hello"),
            openai.NotFoundError,
            ("not_found_error", None, "unknown_path", True),
        ),
        (
            lambda client: client.with_options(api_key="wrong").models.list(),
            openai.AuthenticationError,
            ("authentication_error", None, "http_error", True),
        ),
        (
            lambda client: client.completions.create(model="words", prompt=[1, 2]),
            openai.BadRequestError,
            ("invalid_request_error", "prompt", "invalid_request", True),
        ),
    ],
    ids=["unknown model", "unknown path", "guard", "tokens"],
)
def test_a_refusal_has_its_class_and_all_members(client, ask, kind, members):
    with pytest.raises(kind) as refused:
        ask(client)
    assert told(refused.value) == members
    assert refused.value.request_id == refused.value.body["id"]


def test_an_answer_tells_its_id(client):
    completion = chat(client, "words")
    assert completion.id == f"chatcmpl-{completion._request_id}"

"""The browser's client reads whatever the chat endpoints write, in each format alike."""

from __future__ import annotations

import json
import shutil
import subprocess
import threading
from contextlib import contextmanager

import pytest
from flask import Flask
from werkzeug.serving import make_server

from flask_llmstream import CallableProvider, Delta, LLMStream, ProviderError, ToolCallDelta, Usage
from tests.conftest import needs
from tests.support.programs import ROOT
from tests.support.servers import HANG_GUARD

needs("node", shutil.which("node"))

HELLO = [{"role": "user", "content": "Hello"}]
PROMPT = {"prompt": "Hello"}
WAYS = {
    "message": ("", PROMPT),
    "message for messages": ("?format=message", {"messages": HELLO}),
    "ndjson": ("?format=ndjson", PROMPT),
    "openai, streamed": ("", {"messages": HELLO, "stream": True}),
    "openai, whole": ("", {"messages": HELLO}),
}
CALL = {"id": "a", "type": "function", "function": {"name": "f", "arguments": '{"x":1}'}}


def talks(request):
    yield Delta(reasoning="Hm. ")
    yield "Hel"
    yield Delta(text="lo 👋", reasoning="Well.")
    yield Usage(3, 4)


def refuses(request):
    yield Delta(refusal="I ")
    yield Delta(refusal="won't.")


def calls(request):
    yield Delta(tool_calls=(ToolCallDelta(0, id="a", name="f", arguments='{"x"'),))
    yield Delta(tool_calls=(ToolCallDelta(0, arguments=":1}"),))
    yield Usage(3, 4, "tool_calls")


def is_cut(request):
    yield "Hel"
    yield Usage(3, 4, "length")


def fails(request):
    yield "Hel"
    raise ProviderError("The model is out of luck.", code="out_of_luck")


MODELS = [talks, refuses, calls, is_cut, fails]


REQUESTS = [{"model": model.__name__} for model in MODELS]
REQUESTS.append({"model": "talks", "temperature": "hot"})


@pytest.fixture(scope="module")
def answers():
    """What the client tells of each request, by its way and its place in REQUESTS."""
    app = Flask(__name__)
    LLMStream(app, providers={model.__name__: CallableProvider(model) for model in MODELS})
    with served(app) as url:
        posts = [
            [url + query, {**body, **request}]
            for query, body in WAYS.values()
            for request in REQUESTS
        ]
        command = ["node", "tests/js/answers.mjs", json.dumps(posts)]
        told = json.loads(subprocess.check_output(command, cwd=ROOT, timeout=HANG_GUARD))
    rows = zip(*[iter(told)] * len(REQUESTS))
    return {way: dict(zip(map(json.dumps, REQUESTS), row)) for way, row in zip(WAYS, rows)}


@contextmanager
def served(app):
    server = make_server("127.0.0.1", 0, app, threaded=True)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/v1/chat/completions"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.fixture(params=WAYS)
def told(request, answers):
    def told(model, **members):
        return answers[request.param][json.dumps({"model": model.__name__, **members})]

    return told


def test_text_and_reasoning(told):
    answer = told(talks)
    assert (answer["text"], answer["reasoning"]) == ("Hello 👋", "Hm. Well.")
    assert (answer["name"], answer["reason"]) == ("ended", "complete")


def test_a_refusal(told):
    answer = told(refuses)
    assert (answer["text"], answer["refusal"]) == ("", "I won't.")
    assert (answer["name"], answer["reason"]) == ("ended", "refusal")


def test_the_calls_of_tools(told):
    answer = told(calls)
    assert (answer["name"], answer["reason"]) == ("ended", "tool_calls")
    assert answer["calls"] == [CALL]


def test_an_answer_that_is_cut(told):
    answer = told(is_cut)
    assert (answer["text"], answer["name"], answer["reason"]) == ("Hel", "ended", "length")


def test_an_error_in_the_answer(told):
    answer = told(fails)
    assert (answer["name"], answer["reason"]) == ("failed", "The model is out of luck.")
    assert answer["code"] == "out_of_luck" and answer["id"]


def test_a_refused_request(told):
    answer = told(talks, temperature="hot")
    assert (answer["name"], answer["status"], answer["field"]) == ("failed", 400, "temperature")

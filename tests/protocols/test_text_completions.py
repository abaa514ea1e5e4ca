"""``POST /v1/completions``: OpenAI's older form."""

from __future__ import annotations

import json

import pytest

from flask_llmstream import CallableProvider, LLMStream, ProviderError, Usage
from tests.support.answers import Answer

PATH = "/v1/completions"


@pytest.fixture
def asked():
    """The requests that the model got."""
    return []


@pytest.fixture
def streams(asked):
    def model(request):
        asked.append(request)
        for word in request.prompt.split():
            yield word + " "
        yield Usage(2, 2)

    return LLMStream(providers={"echo": CallableProvider(model)})


def post(app, path=PATH, **fields):
    with Answer(app, path, method="POST", json=fields) as answer:
        answer.everything = answer.rest()
    return answer


def test_a_prompt_is_answered_whole(app):
    answer = post(app, model="echo", prompt="Hello you")
    body = json.loads(answer.everything)
    assert (answer.status, answer.headers["Content-Type"]) == (200, "application/json")
    assert (body["object"], body["model"]) == ("text_completion", "echo")
    assert body["choices"][0]["text"] == "Hello you "
    assert body["choices"][0]["finish_reason"] == "stop"
    assert body["usage"] == {"prompt_tokens": 2, "completion_tokens": 2, "total_tokens": 4}


def test_or_in_chunks(app):
    with Answer(app, PATH, method="POST", json={"prompt": "Hello you", "stream": True}) as answer:
        *events, done = answer.all_events()
    assert done.data == "[DONE]"
    choices = [json.loads(event.data)["choices"][0] for event in events]
    assert [choice["text"] for choice in choices] == ["Hello ", "you ", ""]
    assert [choice["finish_reason"] for choice in choices] == [None, None, "stop"]


def test_the_counts_come_where_they_are_asked_for(app):
    request = {"prompt": "Hello", "stream": True, "stream_options": {"include_usage": True}}
    with Answer(app, PATH, method="POST", json=request) as answer:
        *_, counts, done = answer.all_events()
    assert json.loads(counts.data)["usage"]["total_tokens"] == 4


def test_a_list_of_one_text_is_a_text(app, asked):
    post(app, prompt=["Hello"])
    assert asked[0].prompt == "Hello"


def test_the_prompt_is_told_before_the_answer_where_it_is_asked_for(app):
    answer = post(app, prompt="Hello", echo=True)
    assert json.loads(answer.everything)["choices"][0]["text"] == "HelloHello "
    with Answer(app, PATH, method="POST", json={"prompt": "Hi", "echo": True, "stream": True}) as a:
        first = json.loads(a.all_events()[0].data)
    assert first["choices"][0]["text"] == "Hi"


@pytest.mark.parametrize(
    "fields",
    [
        {"n": 1, "best_of": 1, "echo": False, "logprobs": None, "suffix": None, "stream": None},
        {"logprobs": False, "user": "", "stop": [], "best_of": None, "tools": []},
    ],
)
def test_what_asks_for_nothing_is_accepted_and_not_sent_on(app, asked, fields):
    assert post(app, prompt="Hello", **fields).status == 200
    assert set(asked[0].options) <= {"user"}


def test_the_model_gets_the_other_fields(app, asked):
    post(app, prompt="Hello", max_tokens=7, temperature=0.5, suffix=".", logprobs=2, stop=["x"])
    assert asked[0].options == {
        "max_tokens": 7,
        "temperature": 0.5,
        "suffix": ".",
        "logprobs": True,
        "top_logprobs": 2,
        "stop": ["x"],
    }
    post(app, prompt="Hello", logprobs=0)
    assert asked[1].options == {"logprobs": True}


def test_an_answer_has_no_limit_that_nobody_set(app, asked):
    words = " ".join(["word"] * 100)
    body = json.loads(post(app, prompt=words).everything)
    assert len(body["choices"][0]["text"].split()) == 100
    assert asked[0].options == {}


@pytest.mark.parametrize(
    "fields, field, cure",
    [
        ({}, "prompt", "give the text"),
        ({"prompt": None}, "prompt", "give the text"),
        ({"prompt": []}, "prompt", "give the text"),
        ({"prompt": ""}, "prompt", "is empty"),
        ({"prompt": [""]}, "prompt", "is empty"),
        ({"prompt": ["a", "b"]}, "prompt", "a request for each"),
        ({"prompt": [1, 2]}, "prompt", "send the text"),
        ({"prompt": [[1, 2], [3]]}, "prompt", "send the text"),
        ({"prompt": [1]}, "prompt", "send the text"),
        ({"prompt": 1}, "prompt", "send the text"),
        ({"prompt": {"a": 1}}, "prompt", "has to be text"),
        ({"prompt": [None]}, "prompt", "has to be text"),
        ({"prompt": [True]}, "prompt", "has to be text"),
        ({"prompt": [[]]}, "prompt", "has to be text"),
        ({"prompt": "a", "n": 2}, "n", "has to be 1"),
        ({"prompt": "a", "best_of": 2}, "best_of", "has to be 1"),
        ({"prompt": "a", "best_of": "2"}, "best_of", "has to be 1"),
        ({"prompt": "a", "stream": "yes"}, "stream", "true or false"),
        ({"prompt": "a", "stream": 0}, "stream", "true or false"),
        ({"prompt": "a", "echo": "yes"}, "echo", "true or false"),
        ({"prompt": "a", "echo": True, "logprobs": 1}, "echo", "leave out"),
        ({"prompt": "a", "logprobs": True}, "logprobs", "whole number"),
        ({"prompt": "a", "logprobs": -1}, "logprobs", "whole number"),
        ({"prompt": "a", "logprobs": "1"}, "logprobs", "whole number"),
        ({"prompt": "a", "messages": [{"role": "user"}]}, "messages", "/chat/completions"),
        ({"prompt": "a", "tools": [{}]}, "tools", "/chat/completions"),
        ({"prompt": "a", "model": "nobody"}, "model", "no model"),
    ],
    ids=repr,
)
def test_what_there_is_not_is_refused_by_name_with_the_cure(app, asked, fields, field, cure):
    answer = post(app, **fields)
    error = json.loads(answer.everything)["error"]
    assert answer.status == (404 if field == "model" else 400)
    assert (error["param"], error["type"].endswith("_error")) == (field, True)
    assert cure in error["message"]
    assert asked == []


def test_the_query_may_choose_another_format(app):
    assert b"data: Hello \n\n" in post(app, f"{PATH}?format=text", prompt="Hello").everything


def test_a_failure_has_its_true_status(make_app):
    def failing(request):
        raise ProviderError("Not now.", status=503)
        yield

    app = make_app(LLMStream(providers={"failing": CallableProvider(failing)}))
    for stream in (False, True):
        answer = post(app, prompt="a", stream=stream)
        assert answer.status == 503
        assert json.loads(answer.everything)["error"]["type"] == "server_error"


def test_a_page_of_another_site_may_not_ask(app):
    headers = {"Sec-Fetch-Site": "cross-site", "Origin": "https://other.example"}
    answer = app.test_client().post(PATH, json={"prompt": "a"}, headers=headers)
    assert (answer.status_code, answer.get_json()["error"]["code"]) == (403, "cross_site")

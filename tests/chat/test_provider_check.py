"""A provider is asked in the view whether it can serve a request."""

from __future__ import annotations

import pytest

from flask_llmstream import LLMStream, Provider, RequestError

COMPLETIONS = "/v1/chat/completions"
HELLO = [{"role": "user", "content": "Hello"}]


class Careful(Provider):
    """Serves nothing but German."""

    began = False

    def check(self, request):
        if request.options.get("language") != "de":
            raise RequestError("this model speaks German alone", field="language")

    def stream(self, request):
        self.began = True
        return ["Guten Tag"]


class CarefulInItsOwnTime(Careful):
    async def check(self, request):
        super().check(request)


@pytest.mark.parametrize("kind", [Careful, CarefulInItsOwnTime])
@pytest.mark.parametrize("stream", [True, False])
def test_its_refusal_is_the_answer_and_nothing_begins(make_app, kind, stream):
    model = kind()
    client = make_app(LLMStream(providers={"careful": model})).test_client()
    answer = client.post(COMPLETIONS, json={"messages": HELLO, "stream": stream, "language": "en"})
    assert answer.status_code == 400
    error = answer.json["error"]
    assert (error["field"], error["code"]) == ("language", "invalid_request")
    assert error["message"] == "language: this model speaks German alone"
    assert not model.began


@pytest.mark.parametrize("kind", [Careful, CarefulInItsOwnTime])
def test_what_it_lets_through_is_answered(make_app, kind):
    client = make_app(LLMStream(providers={"careful": kind()})).test_client()
    answer = client.post(COMPLETIONS, json={"messages": HELLO, "language": "de"})
    assert answer.json["choices"][0]["message"]["content"] == "Guten Tag"


def test_the_query_of_an_event_source_is_checked_too(make_app):
    client = make_app(LLMStream(providers={"careful": Careful()})).test_client()
    assert client.get("/v1/chat/stream?prompt=Hello&language=en").status_code == 400


def test_a_check_that_is_broken_is_an_error_of_the_application(make_app):
    class Broken(Careful):
        def check(self, request):
            raise KeyError("language")

    app = make_app(LLMStream(providers={"broken": Broken()}))
    app.config.update(TESTING=False, PROPAGATE_EXCEPTIONS=False)
    assert app.test_client().post(COMPLETIONS, json={"messages": HELLO}).status_code == 500

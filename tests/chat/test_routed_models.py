"""A router behind the chat endpoints: its names are models, and the summary says which one it
chose."""

from __future__ import annotations

import logging

import pytest

from flask_llmstream import (
    CallableProvider,
    ConfigurationError,
    Counter,
    LLMStream,
    ProviderError,
    Router,
    stream_finished,
)
from tests.support.answers import Answer
from tests.support.sources import Waiting

COMPLETIONS = "/v1/chat/completions"
HELLO = [{"role": "user", "content": "Hello"}]
TOOLS = [{"type": "function", "function": {"name": "weather"}}]


def says(text, **options):
    return CallableProvider(lambda request: [text], **options)


def down(request):
    raise ProviderError("down", status=503, retry_after=7)
    yield


def async_says(text):
    async def model(request):
        yield text

    return CallableProvider(model)


async def async_down(request):
    raise ProviderError("down")
    yield


PLAIN = {
    "fast": says("from fast", refuses={"tools": "no tools here"}),
    "big": CallableProvider(down),
    "wide": says("from wide"),
}
ASYNCHRONOUS = {
    "fast": async_says("from fast"),
    "big": CallableProvider(async_down),
    "wide": async_says("from wide"),
}


@pytest.fixture(params=[PLAIN, ASYNCHRONOUS], ids=["plain", "asynchronous"])
def router(request):
    return Router(
        request.param,
        default="wide",
        aliases={"gpt-4o": "big", "gpt-4o-mini": "fast"},
        failover={"big": ["fast", "wide"]},
    )


@pytest.fixture
def streams(router):
    return LLMStream(providers=router.models)


def post(app, **fields):
    answer = app.test_client().post(COMPLETIONS, json={"messages": HELLO, **fields})
    return answer


def text(answer):
    return answer.json["choices"][0]["message"]["content"]


def test_each_name_is_a_model(app):
    listed = [model["id"] for model in app.test_client().get("/v1/models").json["data"]]
    assert listed == ["wide", "fast", "big", "gpt-4o", "gpt-4o-mini", "counter"]
    assert post(app, model="gpt-5").status_code == 404
    assert text(post(app)) == "from wide"


def test_what_it_chose_is_in_the_summary_the_signal_and_the_log(
    place, make_app, streams, finished, caplog
):
    caplog.set_level(logging.INFO)
    app, heard = make_app(LLMSTREAM_ON_FINISH=finished), []

    def hear(sender, summary, **_):
        heard.append(summary.model)

    with stream_finished.connected_to(hear, app):
        answer = post(app, model="gpt-4o")
        assert (text(answer), answer.json["model"]) == ("from fast", "gpt-4o")
        assert finished.summary().model == "fast"
    assert heard == ["fast"]
    assert "of the model gpt-4o ended (complete) after 0 items (by fast), " in caplog.text
    assert "a router goes on from big: ProviderError: down" in caplog.text


def test_a_failure_of_all_is_answered_with_its_status(make_app):
    router = Router({"a": CallableProvider(down), "b": CallableProvider(down)}, failover={"a": "b"})
    answer = post(make_app(LLMStream(providers=router.models)))
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "7")


def test_a_model_that_refuses_a_field_leaves_it_to_the_next(make_app):
    router = Router({"a": PLAIN["fast"], "b": says("b")}, failover={"a": "b"})
    app = make_app(LLMStream(providers=router.models))
    assert text(post(app, tools=TOOLS, model="a")) == "b"
    assert text(post(app, model="a")) == "from fast"
    alone = make_app(LLMStream(providers=Router({"a": PLAIN["fast"]}).models))
    assert post(alone, tools=TOOLS).json["error"]["message"] == "tools: no tools here"


def test_a_full_model_is_503_with_retry_after(place, make_app):
    source = Waiting(place)
    model = CallableProvider(lambda request: source)
    app = make_app(LLMStream(providers=Router({"a": model}, limits={"a": 1}).models))
    with Answer(app, "/v1/chat/stream?prompt=Hi") as running:
        running.block()
        refused = post(app)
        assert (refused.status_code, refused.headers["Retry-After"]) == (503, "1")
        assert refused.json["error"]["code"] == "too_many_streams"
        source.go_on.set()
        running.rest()


def test_a_reader_who_leaves_gives_the_place_back(place, make_app, finished):
    sources = [Waiting(place), Waiting(place)]
    model = CallableProvider(lambda request: sources.pop())
    both = list(sources)
    extension = LLMStream(providers=Router({"a": model}, limits={"a": 1}).models)
    app = make_app(extension, LLMSTREAM_ON_FINISH=finished)
    with Answer(app, "/v1/chat/stream?prompt=Hi") as running:
        running.block()
    for source in both:
        source.go_on.set()
    assert (finished.summary().reason, finished.summary().model) == ("disconnect", "a")
    with Answer(app, "/v1/chat/stream?prompt=Hi") as next_one:
        assert next_one.block()
        next_one.rest()


def test_a_router_may_be_registered_under_one_name(make_app):
    router = Router({"a": says("a"), "b": says("b")}, default="a")
    assert text(post(make_app(LLMStream(providers={"chat": router})))) == "a"


@pytest.mark.parametrize(
    "providers, told",
    [
        (lambda: Router({"a": Counter()}), "is a Router; give its models, providers=router.models"),
        (lambda: {"chat": Router({"a": Counter()})}, r"\['chat'\]: is a router without 'chat'"),
    ],
)
def test_a_router_that_can_t_be_asked_is_told_at_the_start(providers, told):
    with pytest.raises(ConfigurationError, match=told):
        LLMStream(providers=providers())

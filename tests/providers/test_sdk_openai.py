"""The stream objects of OpenAI's SDK, the real one, as sources."""

from __future__ import annotations

import asyncio
import json
import threading
from importlib.util import find_spec

import pytest

from flask_llmstream import CallableProvider, CompletionRequest, Delta, ProviderError, Router, Usage
from flask_llmstream.providers.sdk_streams.kinds import sdk_deltas
from tests.conftest import needs
from tests.support.answers import Answer
from tests.support.runtimes import BESIDE, GREENLETS, THREADS
from tests.support.upstream import (
    HANG_GUARD,
    HEAD,
    LAST_CHUNK,
    Upstream,
    answer,
    events,
    tokens,
)

needs("openai", find_spec("openai"))

import openai  # noqa: E402

QUESTION = {"model": "m", "messages": [{"role": "user", "content": "Hello"}]}
COUNTS = {"object": "chat.completion.chunk", "choices": [],
          "usage": {"prompt_tokens": 3, "completion_tokens": 2}}  # fmt: skip


def part(finish_reason=None, **delta):
    choice = {"index": 0, "delta": delta, "finish_reason": finish_reason}
    return {"id": "1", "object": "chat.completion.chunk", "created": 1, "model": "m",
            "choices": [choice]}  # fmt: skip


def chat(*parts, reason="stop"):
    return events(part(role="assistant", content=""), *parts, part(reason), COUNTS, "[DONE]")


def silent(exchange):
    """Say one word, and then nothing more."""
    exchange.send(HEAD)
    exchange.send_event(part(content="Hel"))


HELLO = chat(part(content="Hel"), part(content="lo"))


@pytest.fixture
def ask():
    """Ask an upstream for a stream of the SDK's."""
    clients = []

    def ask(upstream, how="create", kind=openai.OpenAI):
        client = kind(base_url=upstream.url, api_key="sk-abc", max_retries=0)
        clients.append(client)
        if how == "client":
            return client
        if how == "create":
            return client.chat.completions.create(stream=True, **QUESTION)
        if how == "completions":
            return client.completions.create(stream=True, model="m", prompt="Hello")
        return client.chat.completions.stream(**QUESTION)

    yield ask
    for client in clients:
        client.close()


def texts(pieces):
    return [piece for piece in pieces if isinstance(piece, str)]


@pytest.mark.parametrize("how", ["create", "stream"])
def test_its_deltas_become_ours(ask, how):
    fragment = {"index": 0, "id": "call_1", "type": "function",
                "function": {"name": "weather", "arguments": "{}"}}  # fmt: skip
    parts = [part(reasoning_content="hm"), part(content="Hi"), part(tool_calls=[fragment])]
    with Upstream(chat(*parts, reason="tool_calls")) as upstream:
        thought, text, calls, usage = sdk_deltas(ask(upstream, how))
    assert (thought, text) == (Delta(reasoning="hm"), "Hi")
    assert [(call.id, call.name, call.arguments) for call in calls.tool_calls] == [
        ("call_1", "weather", "{}")
    ]
    assert usage == Usage(3, 2, "tool_calls")


def test_a_refusal_log_probabilities_and_unknown_members_are_kept(ask):
    first = part(refusal="No.", a_new_member=[1])
    first["choices"][0]["logprobs"] = {"content": [], "refusal": [{"token": "No"}]}
    with Upstream(chat(first, reason="content_filter")) as upstream:
        delta, usage = sdk_deltas(ask(upstream))
    assert (delta.refusal, dict(delta.extra)) == ("No.", {"a_new_member": [1]})
    assert delta.logprobs["refusal"][0]["token"] == "No"
    assert usage.finish_reason == "content_filter"


def test_the_older_completions_are_read_too(ask):
    with Upstream(tokens("Hel", "lo")) as upstream:
        assert texts(sdk_deltas(ask(upstream, "completions"))) == ["Hel", "lo"]


def test_the_request_of_a_context_manager_is_sent_when_the_iteration_begins(ask):
    with Upstream(HELLO) as upstream:
        deltas = sdk_deltas(ask(upstream, "stream"))
        assert not upstream.asked.is_set()
        assert texts(deltas) == ["Hel", "lo"]


# Its errors.


def failure(deltas):
    with pytest.raises(ProviderError) as caught:
        list(deltas)
    return caught.value


@pytest.mark.parametrize(
    "script, status, code",
    [
        (answer(429, '{"error": {"message": "slow"}}', retry_after="9"), 429, "provider_limit"),
        (answer(503), 503, "provider_busy"),
        (answer(401, '{"error": {"message": "no sk-abc"}}'), 502, "provider_key"),
        (answer(400, '{"error": {"message": "m: too long"}}'), 400, "provider_rejected"),
        (lambda exchange: exchange.reset(), 502, "provider_unreachable"),
        (events({"error": {"message": "overloaded"}}), 502, "provider_error"),
        (events({"error": {"message": "x", "type": "overloaded_error"}}), 503, "provider_busy"),
        (events(part(content="Hel")), 502, "truncated"),
        (events(part(content="Hel"), "no JSON"), 502, "provider_answer"),
        (events("[DONE]"), 502, "provider_answer"),
        (lambda exchange: (silent(exchange), exchange.end()), 502, "truncated"),
        (lambda exchange: (silent(exchange), exchange.reset()), 502, "truncated"),
    ],
)
def test_its_errors_have_the_class_that_the_package_s_own_calls_give(ask, script, status, code):
    with Upstream(script) as upstream:
        error = failure(sdk_deltas(ask(upstream, "stream")))
    assert (error.status, error.code) == (status, code)
    assert error.retry_after == (9 if status == 429 else None)
    assert "sk-abc" not in f"{error} {error.__cause__}"


def test_its_errors_in_a_function_of_a_model_have_it_too_and_lead_a_router_on(ask):
    question = CompletionRequest(prompt="Hello")
    with Upstream(answer(429, "slow", retry_after="9")) as upstream:
        model = CallableProvider(lambda request: ask(upstream))
        error = failure(model.stream(question))
        assert (error.status, error.retry_after) == (429, 9)
        other = CallableProvider(lambda request: "from b")
        router = Router({"a": model, "b": other}, failover={"a": "b"})
        assert list(router.stream(question)) == ["from b"]


def test_a_function_s_own_errors_stay_as_they_are():
    def broken(request):
        raise KeyError("a bug")

    with pytest.raises(KeyError):
        list(CallableProvider(broken).stream(CompletionRequest(prompt="Hello")))


# Leaving.


@pytest.mark.parametrize("how", ["create", "stream"])
def test_closed_deltas_close_the_connection(ask, how):
    with Upstream(silent) as upstream:
        deltas = sdk_deltas(ask(upstream, how))
        assert next(iter(deltas)) == "Hel"
        deltas.close()
        assert upstream.hung_up.wait(HANG_GUARD)


def test_deltas_that_are_never_iterated_close_the_connection(ask):
    with Upstream(silent) as upstream:
        sdk_deltas(ask(upstream)).close()
        assert upstream.hung_up.wait(HANG_GUARD)


def test_deltas_that_nobody_holds_any_more_close_the_connection(ask):
    with Upstream(silent) as upstream:
        sdk_deltas(ask(upstream))
        assert upstream.hung_up.wait(HANG_GUARD)


def test_a_response_that_nobody_holds_any_more_closes_the_connection(app, streams, ask):
    with Upstream(silent) as upstream:
        with app.test_request_context("/"):
            streams.response(ask(upstream))
        assert upstream.hung_up.wait(HANG_GUARD)


@pytest.mark.parametrize("how", ["create", "stream"])
def test_an_abort_ends_the_wait_for_the_next_byte(ask, how):
    with Upstream(silent) as upstream:
        deltas = sdk_deltas(ask(upstream, how))
        came, over = threading.Event(), threading.Event()

        def read():
            try:
                for _ in deltas:
                    came.set()
            except ProviderError:
                over.set()

        reading = threading.Thread(target=read, daemon=True)
        reading.start()
        assert came.wait(HANG_GUARD)
        deltas.abort()
        assert over.wait(HANG_GUARD)
        assert upstream.hung_up.wait(HANG_GUARD)
        reading.join()


# In an application.


def event_data(answer):
    return [event.data for event in answer.all_events()]


@pytest.fixture(params=[GREENLETS, THREADS, BESIDE], ids=lambda place: place.name)
def place(request):
    return request.param


@pytest.mark.parametrize("kind", ["response", "view", "chunks", "function"])
def test_every_way_to_stream_it(place, app, streams, ask, kind):
    with Upstream(HELLO) as upstream:
        if kind == "response":
            app.add_url_rule("/", "v", lambda: streams.response(ask(upstream), format="text"))
        elif kind == "view":
            app.add_url_rule("/", "v", streams.view(format="text")(lambda: ask(upstream)))
        elif kind == "function":
            model = CallableProvider(lambda request: ask(upstream))
            question = CompletionRequest(prompt="Hello")
            source = model.stream
            app.add_url_rule("/", "v", lambda: streams.response(source(question), format="text"))
        else:

            @app.route("/")
            @streams.view(format="text")
            def chunks():
                for chunk in ask(upstream):
                    yield chunk

        with Answer(app, "/") as got:
            assert "Hello" in got.rest().decode().replace("data: ", "").replace("\n\n", "")


@pytest.mark.parametrize("overflow", ["block", "buffer", "drop", "latest"])
def test_chunks_one_by_one_say_what_they_cost(
    place, app, streams, ask, finished, overflow, monkeypatch
):
    monkeypatch.setattr("flask_llmstream.stream.sink.Sink._warn_of_lost_text", lambda self: None)
    with Upstream(HELLO) as upstream:

        @app.route("/")
        @streams.view(overflow=overflow, on_finish=finished)
        def chunks():
            yield from ask(upstream)

        with Answer(app, "/") as got:
            got.rest()
        assert finished.summary().usage == Usage(3, 2, "stop")


@pytest.mark.parametrize("how", ["create", "stream"])
def test_chunks_of_two_answers_say_what_the_second_one_cost(how, app, streams, ask, finished):
    fragment = {"index": 0, "id": "call_1", "type": "function",
                "function": {"name": "weather", "arguments": "{}"}}  # fmt: skip
    first = chat(part(tool_calls=[fragment]), reason="tool_calls")
    parts = [part(tool_calls=[{**fragment, "id": "call_2"}]), part("length")]
    scripts = [first, events(*({**each, "id": "2"} for each in parts), "[DONE]")]
    with Upstream(lambda exchange: scripts.pop(0)(exchange)) as upstream:

        @app.route("/")
        @streams.view(on_finish=finished)
        def turns():
            for _ in range(2):
                with ask(upstream, how) as chunks:
                    yield from chunks

        with Answer(app, "/") as got:
            calls = [json.loads(data)["tool_calls"] for data in event_data(got) if "call_" in data]
        assert [(call["id"], call["index"]) for [call] in calls] == [("call_1", 0), ("call_2", 1)]
        assert finished.summary().usage == Usage(finish_reason="length")


@pytest.mark.parametrize("place", [THREADS, BESIDE], ids=lambda place: place.name, indirect=True)
def test_a_reader_who_leaves_closes_the_connection(place, app, streams, ask, finished):
    with Upstream(silent) as upstream:

        @app.route("/")
        def view():
            return streams.response(ask(upstream, "stream"), on_finish=finished)

        with Answer(app, "/") as got:
            while not got.events():
                """The opening comes first."""
        assert upstream.hung_up.wait(HANG_GUARD)
        assert finished.summary().reason == "disconnect"


# Other APIs than chat.


def responses(exchange):
    exchange.send(HEAD)
    made = {"id": "r", "object": "response", "model": "m", "output": []}
    for event in (
        {"type": "response.created", "sequence_number": 0, "response": made},
        {"type": "response.output_text.delta", "sequence_number": 1, "delta": "Hello"},
    ):
        exchange.send_event(event)
    exchange.send(LAST_CHUNK)


@pytest.fixture
def ask_responses(ask):
    def ask_responses(upstream):
        client = ask(upstream, "client")
        return client.responses.create(model="m", input="Hello", stream=True)

    return ask_responses


def test_a_stream_of_another_api_is_an_error_that_names_it(ask_responses):
    with Upstream(responses) as upstream:
        error = failure(sdk_deltas(ask_responses(upstream)))
    assert error.code == "provider_answer"
    assert "response.created is no event of chat.completions" in str(error.__cause__)


def test_its_events_one_by_one_are_one_too(app, streams, ask_responses, finished):
    with Upstream(responses) as upstream:

        @app.route("/")
        @streams.view(on_finish=finished)
        def chunks():
            yield from ask_responses(upstream)

        with Answer(app, "/") as got:
            got.rest()
    assert finished.summary().reason == "error"


# Asynchronous streams.


def run_async(upstream, use):
    async def run():
        async with openai.AsyncOpenAI(
            base_url=upstream.url, api_key="none", max_retries=0
        ) as client:
            return await use(client.chat.completions)

    return asyncio.run(run())


async def whole(source):
    return [piece async for piece in sdk_deltas(source)]


@pytest.mark.parametrize("how", ["create", "stream"])
def test_asynchronous_streams_are_read_too(how):
    async def use(completions):
        if how == "create":
            return await whole(await completions.create(stream=True, **QUESTION))
        return await whole(completions.stream(**QUESTION))

    with Upstream(HELLO) as upstream:
        assert run_async(upstream, use) == ["Hel", "lo", Usage(3, 2, "stop")]


def test_an_asynchronous_function_of_a_model_may_return_one():
    async def use(completions):
        async def model(request):
            return await completions.create(stream=True, **QUESTION)

        deltas = CallableProvider(model).stream(CompletionRequest(prompt="Hello"))
        return [piece async for piece in deltas]

    with Upstream(HELLO) as upstream:
        assert texts(run_async(upstream, use)) == ["Hel", "lo"]
    with Upstream(answer(429, "slow", retry_after="9")) as upstream:
        with pytest.raises(ProviderError) as caught:
            run_async(upstream, use)
    assert (caught.value.status, caught.value.retry_after) == (429, 9)


def test_an_asynchronous_stream_that_is_left_closes_its_connection():
    async def use(completions):
        deltas = sdk_deltas(await completions.create(stream=True, **QUESTION))
        assert await deltas.__aiter__().__anext__() == "Hel"
        await deltas.aclose()
        assert await asyncio.get_running_loop().run_in_executor(
            None, upstream.hung_up.wait, HANG_GUARD
        )

    with Upstream(silent) as upstream:
        run_async(upstream, use)

"""The stream objects of Anthropic's SDK, the real one, as sources."""

from __future__ import annotations

import asyncio

import pytest

from flask_llmstream import Delta, ProviderError, Usage
from flask_llmstream.providers.sdk_streams.kinds import sdk_deltas
from tests.support.answers import Answer
from tests.support.upstream import HANG_GUARD, HEAD, LAST_CHUNK, Upstream, answer

anthropic = pytest.importorskip("anthropic")

QUESTION = {"model": "m", "max_tokens": 9, "messages": [{"role": "user", "content": "Hello"}]}
START = {"type": "message_start", "message": {
    "id": "msg_1", "type": "message", "role": "assistant", "model": "m", "content": [],
    "stop_reason": None, "stop_sequence": None,
    "usage": {"input_tokens": 3, "output_tokens": 1},
}}  # fmt: skip
STOP = [
    {"type": "message_delta", "delta": {"stop_reason": "end_turn", "stop_sequence": None},
     "usage": {"output_tokens": 2}},
    {"type": "message_stop"},
]  # fmt: skip


def block(index, begin, *deltas):
    news = [{"type": "content_block_delta", "index": index, "delta": each} for each in deltas]
    start = {"type": "content_block_start", "index": index, "content_block": begin}
    return [start, *news, {"type": "content_block_stop", "index": index}]


THOUGHT = block(0, {"type": "thinking", "thinking": "", "signature": ""},
                {"type": "thinking_delta", "thinking": "hm"})  # fmt: skip
TEXT = block(1, {"type": "text", "text": ""}, {"type": "text_delta", "text": "Hel"},
             {"type": "text_delta", "text": "lo"})  # fmt: skip
ALONE = [{**event, "index": 0} for event in TEXT]
TOOL = block(2, {"type": "tool_use", "id": "toolu_1", "name": "weather", "input": {}},
             {"type": "input_json_delta", "partial_json": '{"city": "Oslo"}'})  # fmt: skip


def sends(*events, ends=True):
    def script(exchange):
        exchange.send(HEAD)
        for event in events:
            exchange.send_chunk(f"event: {event['type']}\n")
            exchange.send_event(event)
        if ends:
            exchange.send(LAST_CHUNK)

    return script


WHOLE = sends(START, *THOUGHT, {"type": "ping"}, *TEXT, *TOOL, *STOP)


@pytest.fixture
def ask():
    """Ask an upstream for a stream of the SDK's."""
    clients = []

    def ask(upstream, how="create"):
        url = upstream.url[: -len("/v1")]
        client = anthropic.Anthropic(base_url=url, api_key="sk-a-secret", max_retries=0)
        clients.append(client)
        if how == "create":
            return client.messages.create(stream=True, **QUESTION)
        return client.messages.stream(**QUESTION)

    yield ask
    for client in clients:
        client.close()


def check_whole(pieces):
    *deltas, usage = pieces
    said = [piece for piece in deltas if isinstance(piece, Delta)]
    calls = [call for piece in said for call in piece.tool_calls]
    assert "".join(piece for piece in deltas if isinstance(piece, str)) == "Hello"
    assert "".join(piece.reasoning for piece in said) == "hm"
    assert calls[0].name == "weather"
    assert "".join(call.arguments or "" for call in calls) == '{"city": "Oslo"}'
    assert isinstance(usage, Usage)
    assert (usage.prompt_tokens, usage.completion_tokens) == (3, 2)


@pytest.mark.parametrize("how", ["create", "stream"])
def test_its_deltas_become_ours(ask, how):
    with Upstream(WHOLE) as upstream:
        check_whole(sdk_deltas(ask(upstream, how)))


@pytest.mark.parametrize(
    "script, status, code",
    [
        (answer(429, '{"type": "error", "error": {"type": "rate_limit_error"}}', retry_after="9"),
         429, "provider_limit"),
        (answer(529), 503, "provider_busy"),
        (answer(401), 502, "provider_key"),
        (lambda exchange: exchange.reset(), 502, "provider_unreachable"),
        (sends({"type": "error", "error": {"type": "overloaded_error", "message": "x"}}),
         503, "provider_busy"),
        (sends(START, *ALONE), 502, "truncated"),
        (sends(START, *TEXT), 502, "provider_answer"),
        (sends(), 502, "provider_answer"),
    ],
)  # fmt: skip
def test_its_errors_have_the_class_that_the_package_s_own_calls_give(ask, script, status, code):
    with Upstream(script) as upstream, pytest.raises(ProviderError) as caught:
        list(sdk_deltas(ask(upstream, "stream")))
    assert (caught.value.status, caught.value.code) == (status, code)
    assert caught.value.retry_after == (9 if status == 429 else None)


@pytest.mark.parametrize("how", ["create", "stream"])
def test_closed_deltas_close_the_connection(ask, how):
    with Upstream(sends(START, *ALONE, ends=False)) as upstream:
        deltas = sdk_deltas(ask(upstream, how))
        assert next(iter(deltas)) == "Hel"
        deltas.close()
        assert upstream.hung_up.wait(HANG_GUARD)


@pytest.mark.parametrize("how", ["create", "stream"])
def test_asynchronous_streams_are_read_too(how):
    async def run(url):
        async with anthropic.AsyncAnthropic(base_url=url, api_key="none", max_retries=0) as client:
            if how == "create":
                source = await client.messages.create(stream=True, **QUESTION)
            else:
                source = client.messages.stream(**QUESTION)
            return [piece async for piece in sdk_deltas(source)]

    with Upstream(WHOLE) as upstream:
        check_whole(asyncio.run(run(upstream.url[: -len("/v1")])))


def test_events_of_two_answers_say_what_the_second_one_cost(app, streams, ask, finished):
    usage = {"input_tokens": 3, "output_tokens": 1, "cache_read_input_tokens": 8}
    first = {**START, "message": {**START["message"], "id": "msg_0", "usage": usage}}
    scripts = [sends(first, *ALONE, *STOP), sends(START, *ALONE, *STOP)]
    with Upstream(lambda exchange: scripts.pop(0)(exchange)) as upstream:

        @app.route("/")
        @streams.view(on_finish=finished)
        def turns():
            for how in ("create", "stream"):
                with ask(upstream, how) as events:
                    yield from events

        with Answer(app, "/") as got:
            got.rest()
        assert finished.summary().usage == Usage(3, 2, "end_turn")

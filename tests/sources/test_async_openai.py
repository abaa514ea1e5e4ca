"""``AsyncOpenAI``, the real one, as the source of a stream: one client for all of them."""

from __future__ import annotations

from importlib.util import find_spec

import pytest

from tests.conftest import needs
from tests.support.answers import Answer
from tests.support.runtimes import GREENLETS, HANG_GUARD, THREADS, run_on_the_loop
from tests.support.upstream import (
    CLOSING_HEAD,
    Upstream,
    answer,
    completion,
    silence,
    silence_after,
)

needs("openai", find_spec("openai"))

from openai import AsyncOpenAI  # noqa: E402


@pytest.fixture(params=[GREENLETS, THREADS], ids=lambda place: place.name)
def place(request):
    """Where the reader is."""
    return request.param


def hello(exchange):
    """Each answer on a connection of its own: this server knows no second request."""
    exchange.send(CLOSING_HEAD)
    for data in (completion("Hel"), completion("lo"), completion("", "stop"), "[DONE]"):
        exchange.send_event(data)
    exchange.send_chunk("")


@pytest.fixture
def ask(app, streams):
    """Serve what a model's server answers at ``/``."""
    clients = []

    def ask(upstream, **options):
        client = AsyncOpenAI(base_url=upstream.url, api_key="none", max_retries=0)
        clients.append(client)

        @app.route("/")
        @streams.view(format="text", heartbeat=0, **options)
        async def view():
            parts = await client.completions.create(model="m", prompt="Hello", stream=True)
            async for part in parts:
                yield part.choices[0].text

    yield ask
    for client in clients:
        run_on_the_loop(GREENLETS, client.close())  # this thread has a hub


def test_an_answer_streams_as_it_comes(place, app, ask):
    with Upstream(hello) as upstream:
        ask(upstream)
        with Answer(app, "/") as whole:
            assert b"data: Hel\n\ndata: lo\n\n" in whole.rest()


def test_one_client_serves_many_streams_one_after_another(place, app, ask):
    with Upstream(hello) as upstream:
        ask(upstream)
        for _ in range(3):
            with Answer(app, "/") as whole:
                assert b"data: Hel\n\ndata: lo\n\n" in whole.rest()


def test_one_client_serves_many_streams_at_a_time(place, app, ask):
    with Upstream(hello) as upstream:
        ask(upstream)
        answers = [Answer(app, "/") for _ in range(10)]
        openings = [one.block() for one in answers]
        for opening, one in zip(openings, answers):
            assert b"data: Hel\n\ndata: lo\n\n" in opening + one.rest()
            one.close()


@pytest.mark.parametrize("script", [silence, silence_after()], ids=["headers", "first token"])
def test_a_reader_who_leaves_while_it_is_silent_ends_the_call(place, app, ask, script, finished):
    with Upstream(script) as upstream:
        ask(upstream, on_finish=finished)
        with Answer(app, "/") as left:
            left.block()
            assert upstream.asked.wait(HANG_GUARD)
        assert finished.summary().reason == "disconnect"
        assert upstream.hung_up.wait(HANG_GUARD)


def test_what_the_models_server_says_of_a_failure_is_not_told(place, app, ask, finished):
    refused = answer(429, '{"error": {"message": "key sk-secret is over its limit"}}')
    with Upstream(refused) as upstream:
        ask(upstream, hold=60, on_finish=finished)
        with Answer(app, "/") as failed:
            assert b"secret" not in failed.rest()
    assert failed.status == 500
    assert "sk-secret" in str(finished.summary().error), "the log has it"

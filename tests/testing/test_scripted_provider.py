"""A scripted provider says what its script says, waits for the test, and tells how it ended."""

from __future__ import annotations

import threading

import pytest
from flask import Flask
from hypothesis import given, settings
from hypothesis import strategies as st

from flask_llmstream import (
    CompletionRequest,
    ConfigurationError,
    Delta,
    LLMStream,
    ProviderError,
    ServerSentEvent,
    StreamError,
    ToolCallDelta,
    Usage,
)
from flask_llmstream.testing import Pause, ScriptedProvider, StreamReader, read

REQUEST = CompletionRequest(prompt="Hello")


@pytest.fixture
def stream(make_app, streams):
    """Serve a provider's answer at ``/``, and give the response of the test client."""

    def stream(provider, **options):
        app = make_app()
        source = provider.stream
        app.add_url_rule("/", "view", lambda: streams.response(source(REQUEST), **options))
        return app.test_client().get("/")

    return stream


# What it says.


def test_it_gives_every_kind_of_piece_in_the_order_of_the_script():
    script = (
        ServerSentEvent("loading", event="status"),
        "Hello",
        Delta(tool_calls=[ToolCallDelta(0, "call-1", "look", "{}")]),
        Usage(3, 2),
    )
    assert tuple(ScriptedProvider(*script).stream(REQUEST)) == script


def test_each_request_gets_the_same_answer_and_is_kept():
    provider = ScriptedProvider("Hello")
    other = CompletionRequest(prompt="Again", options={"temperature": 0})
    for request in (REQUEST, other):
        assert list(provider.stream(request)) == ["Hello"]
    assert provider.requests == [REQUEST, other]


def test_an_empty_script_is_an_empty_answer():
    assert list(ScriptedProvider().stream(REQUEST)) == []


@settings(max_examples=30)
@given(st.lists(st.text()))
def test_a_view_streams_its_words_to_the_letter(words):
    app = Flask("a_site")
    LLMStream(app, providers={"scripted": ScriptedProvider(*words)})
    reader = read(app.test_client().post("/v1/chat/completions", json={"prompt": "Hello"}))
    assert reader.text() == "".join(words)


def test_a_failure_before_the_first_token_is_a_status(stream):
    busy = ScriptedProvider(ProviderError("The model is busy.", status=503, retry_after=7))
    response = stream(busy, hold=5)
    assert (response.status_code, response.headers["Retry-After"]) == (503, "7")


def test_a_failure_behind_a_token_is_an_event(stream):
    reader = read(stream(ScriptedProvider("Hel", ProviderError("The model has gone."))))
    assert reader.text_so_far == "Hel"
    assert (reader.failure.code, str(reader.failure)) == ("provider_error", "The model has gone.")


def test_an_exception_is_raised_in_each_answer_without_the_last_one_s_traceback():
    error = LookupError("no such row")
    provider = ScriptedProvider(error)
    depths = []
    for _ in range(2):
        with pytest.raises(LookupError) as caught:
            list(provider.stream(REQUEST))
        assert caught.value is error
        depths.append(len(caught.traceback))
    assert depths[0] == depths[1]


@pytest.mark.parametrize("line", [None, b"Hello", 1, {}, LookupError, threading.Event()])
def test_a_line_of_another_kind_is_refused_by_its_place(line):
    with pytest.raises(ConfigurationError, match=r"^script\[1\]: has to be a text, .* a Pause or"):
        ScriptedProvider("Hello", line)


def test_a_line_behind_an_exception_is_refused():
    with pytest.raises(ConfigurationError, match=r"^script\[0\]: nothing comes behind"):
        ScriptedProvider(LookupError(), "Hello")


# Its pauses.


def test_at_a_pause_it_waits_for_the_test(place, stream):
    pause = Pause()
    reader = StreamReader(stream(ScriptedProvider("Hello", pause, " world")))
    next(reader)
    pause.reached.wait()
    assert reader.text_so_far == "Hello"
    pause.end()
    assert reader.text() == "Hello world"


def test_a_pause_that_has_ended_holds_nobody_back():
    pause = Pause()
    pause.end()
    assert list(ScriptedProvider("Hello", pause, " world").stream(REQUEST)) == ["Hello", " world"]


def test_a_pause_holds_back_all_answers_until_its_one_end(app, streams):
    pause = Pause()
    provider = ScriptedProvider(pause, "Hello")
    app.add_url_rule("/", "view", lambda: streams.response(provider.stream(REQUEST)))
    readers = [StreamReader(app.test_client().get("/")) for _ in range(3)]
    pause.end()
    assert [reader.text() for reader in readers] == ["Hello"] * 3


def test_a_pause_that_is_never_ended_fails_the_answer(place, stream):
    reader = read(stream(ScriptedProvider("Hello", Pause(seconds=0.01))))
    assert reader.failure.code == "unended_pause"
    assert str(reader.failure) == "The script's pause was not ended within 0.01 s."


@pytest.mark.parametrize("seconds", [-1, float("inf"), float("nan"), "1", None])
def test_a_pause_without_a_bound_is_refused(seconds):
    with pytest.raises(ConfigurationError, match="^seconds: has to be seconds from 0, not "):
        Pause(seconds)


# Its end.


def test_an_answer_that_comes_to_the_end_of_its_script_has_finished(place, stream):
    provider = ScriptedProvider("Hello")
    read(stream(provider))
    provider.finished.wait()
    assert not provider.left.is_set()


def test_a_failure_of_the_script_is_an_end_of_it():
    provider = ScriptedProvider(StreamError("Closed."))
    with pytest.raises(StreamError, match="Closed."):
        list(provider.stream(REQUEST))
    assert provider.finished.is_set()
    assert not provider.left.is_set()


def test_a_reader_who_leaves_at_a_pause_ends_the_answer(place, stream):
    provider = ScriptedProvider("Hello", Pause(), " world")
    with StreamReader(stream(provider)) as reader:
        next(reader)
    provider.left.wait()
    assert not provider.finished.is_set()


def test_a_timer_that_runs_out_at_a_pause_ends_the_answer(place, stream):
    provider = ScriptedProvider("Hello", Pause())
    reader = read(stream(provider, idle_timeout=0.01))
    assert reader.failure.code == "timeout"
    provider.left.wait()


def test_an_answer_that_never_began_tells_nothing():
    provider = ScriptedProvider("Hello")
    provider.stream(REQUEST).close()
    assert not (provider.requests or provider.left.is_set() or provider.finished.is_set())

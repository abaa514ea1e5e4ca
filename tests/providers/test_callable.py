"""Any function can be a model: it takes the request and returns deltas."""

from __future__ import annotations

import threading

import pytest

from flask_llmstream.errors import ConfigurationError, ProviderError
from flask_llmstream.providers import CallableProvider
from flask_llmstream.records import Usage
from flask_llmstream.sse.event import ServerSentEvent
from tests.providers.asking import PROMPT, ask
from tests.support.upstream import HANG_GUARD


class Recording:
    """An iterable that notes the calls of ``close`` and ``abort``."""

    def __init__(self):
        self.done = []

    def __iter__(self):
        return iter(["a", "b"])

    def close(self):
        self.done.append("close")

    def abort(self):
        self.done.append("abort")


def test_the_function_gets_the_request():
    assert ask(CallableProvider(lambda request: [request.prompt])) == ["The sea is"]


def test_a_generator_gives_its_items_in_order():
    def model(request):
        yield "a"
        yield ServerSentEvent(event="loading")
        yield Usage(1, 2)

    assert ask(CallableProvider(model)) == ["a", ServerSentEvent(event="loading"), Usage(1, 2)]


def test_a_text_is_one_delta():
    assert ask(CallableProvider(lambda request: "all of it")) == ["all of it"]


def test_the_function_is_called_when_the_iteration_begins():
    calls = []
    answer = CallableProvider(calls.append).stream(PROMPT)
    assert calls == []
    with pytest.raises(TypeError):
        next(iter(answer))
    assert calls == [PROMPT]


def test_an_asynchronous_result_of_a_plain_function_is_told_with_the_remedy():
    async def deltas():
        yield "a"

    with pytest.raises(TypeError, match="gave .*deltas, which is asynchronous; write it as async"):
        ask(CallableProvider(lambda request: deltas()))


@pytest.mark.parametrize("result", [None, 7, b"bytes", {"a": "mapping"}])
def test_a_result_that_holds_no_deltas_is_told_with_the_functions_name(result):
    def my_model(request):
        return result

    with pytest.raises(TypeError, match="my_model gave a"):
        ask(CallableProvider(my_model))


@pytest.mark.parametrize("function", [None, "text", 7])
def test_what_cannot_be_called_is_refused(function):
    with pytest.raises(ConfigurationError, match="function"):
        CallableProvider(function)


def test_what_the_function_raises_comes_through():
    def model(request):
        raise ProviderError("out of tokens", status=429)

    with pytest.raises(ProviderError, match="out of tokens"):
        ask(CallableProvider(model))


def test_closing_the_answer_closes_the_generator():
    closed = []

    def model(request):
        try:
            yield "a"
        finally:
            closed.append(True)

    answer = CallableProvider(model).stream(PROMPT)
    next(iter(answer))
    answer.close()
    assert closed == [True]


def test_closing_an_answer_that_was_not_begun_calls_nothing():
    calls = []
    answer = CallableProvider(calls.append).stream(PROMPT)
    answer.close()
    assert list(answer) == [] and calls == []


def test_the_result_is_closed_at_its_end():
    result = Recording()
    assert ask(CallableProvider(lambda request: result)) == ["a", "b"]
    assert result.done == ["close"]


def test_an_abort_reaches_the_result():
    result = Recording()
    answer = CallableProvider(lambda request: result).stream(PROMPT)
    next(iter(answer))
    answer.abort()
    assert result.done == ["abort"]


def test_an_abort_during_the_call_reaches_the_result_once():
    result, called, go_on = Recording(), threading.Event(), threading.Event()

    def model(request):
        called.set()
        assert go_on.wait(HANG_GUARD)
        return result

    answer = CallableProvider(model).stream(PROMPT)
    reading = threading.Thread(target=list, args=[answer])
    reading.start()
    assert called.wait(HANG_GUARD)
    answer.abort()
    go_on.set()
    reading.join(HANG_GUARD)
    assert result.done == ["abort", "close"]


def test_an_abort_of_what_has_none_is_harmless():
    answer = CallableProvider(lambda request: ["a"]).stream(PROMPT)
    answer.abort()
    assert list(answer) == ["a"]

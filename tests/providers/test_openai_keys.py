"""The key may come from a function, for keys that change. No text ever shows one."""

from __future__ import annotations

import functools
import json
from itertools import chain, repeat

import pytest

from flask_llmstream.errors import ConfigurationError, ProviderError, StreamError
from flask_llmstream.providers import OpenAICompatible
from flask_llmstream.providers.upstream.errors import UpstreamErrors
from flask_llmstream.providers.upstream.secrets import MOST_KEYS
from tests.providers.asking import CHAT, ask, failure
from tests.support.upstream import Upstream, answer, tokens

URL = "http://127.0.0.1:9/v1"
OLD, NEW = "sk-old-secret", "sk-new-secret"


def sent(upstream):
    """The key of each request."""
    headers = (exchange.headers["Authorization"] for exchange in upstream.requests)
    return [header.replace("Bearer ", "") for header in headers]


def giving(*keys):
    """A function that gives these keys, one at each call, and then the last one."""
    return chain(keys, repeat(keys[-1])).__next__


def only(key):
    """A server that takes only this key, and repeats any other one in its error."""

    def script(exchange):
        given = exchange.headers["Authorization"]
        refusal = answer(401, json.dumps({"error": {"message": f"wrong: {given}"}}))
        (tokens("Bonjour") if given == f"Bearer {key}" else refusal)(exchange)

    return script


def test_a_function_is_asked_for_the_key_of_each_answer():
    with Upstream(tokens("Bonjour")) as upstream:
        provider = OpenAICompatible(upstream.url, giving(OLD, NEW))
        assert sent(upstream) == []
        assert ask(provider, CHAT)[0] == ask(provider, CHAT)[0] == "Bonjour"
        assert sent(upstream) == [OLD, NEW]


def test_a_function_is_not_called_before_the_answer_begins():
    provider = OpenAICompatible(URL, lambda: pytest.fail("called"))
    provider.stream(CHAT).close()


def test_a_function_is_not_called_for_an_answer_that_was_aborted():
    answer = OpenAICompatible(URL, lambda: pytest.fail("called")).stream(CHAT)
    answer.abort()
    with pytest.raises(ProviderError) as caught:
        list(answer)
    assert caught.value.code == "aborted"


def test_a_refused_key_is_replaced_by_another_one():
    with Upstream(only(NEW)) as upstream:
        assert ask(OpenAICompatible(upstream.url, giving(OLD, NEW)), CHAT)[0] == "Bonjour"
        assert sent(upstream) == [OLD, NEW]


def test_a_refused_key_is_not_sent_again():
    with Upstream(only(NEW)) as upstream:
        assert failure(OpenAICompatible(upstream.url, lambda: OLD), CHAT).code == "provider_key"
        assert sent(upstream) == [OLD]


def test_a_key_is_replaced_once():
    with Upstream(only("none")) as upstream:
        keys = giving("sk-one", "sk-two", "sk-three")
        assert failure(OpenAICompatible(upstream.url, keys), CHAT).code == "provider_key"
        assert sent(upstream) == ["sk-one", "sk-two"]


def test_a_fixed_key_that_is_refused_is_final():
    with Upstream(only(NEW)) as upstream:
        failure(OpenAICompatible(upstream.url, OLD), CHAT)
        assert sent(upstream) == [OLD]


@pytest.mark.parametrize("kind", [str, repr])
def test_no_error_shows_a_key_of_the_function(kind):
    with Upstream(only("none")) as upstream:
        error = failure(OpenAICompatible(upstream.url, lambda: OLD), CHAT)
    for each in (error, error.__cause__):
        assert OLD not in kind(each)
    assert "***" in str(error.__cause__)


def test_no_error_shows_the_key_before_the_last_change():
    with Upstream(answer(500, json.dumps({"error": f"{OLD} or {NEW}"}))) as upstream:
        provider = OpenAICompatible(upstream.url, giving(OLD, NEW), retries=0)
        failure(provider, CHAT)
        assert "*** or ***" in str(failure(provider, CHAT).__cause__)


def test_a_key_stays_secret_however_many_others_came_meanwhile():
    errors = UpstreamErrors("http://here", [])
    own = errors.with_key(OLD)
    for number in range(MOST_KEYS + 1):
        errors.with_key(f"sk-key-{number}")
    with pytest.raises(ProviderError) as caught:
        own.refuse(500, f"{OLD} or sk-key-{MOST_KEYS}")
    assert str(caught.value.__cause__).endswith(": *** or ***")


def raising(error):
    def key():
        raise error

    return key


@pytest.mark.parametrize(
    "function",
    [
        raising(KeyError("MODEL_KEY")),
        lambda: None,
        lambda: "",
        lambda: 7,
        lambda: OLD.encode(),
        lambda: f"{OLD}\n",
        lambda: f"{OLD}\r\nHost: x",
        lambda: f"{OLD}é",
    ],
)
def test_a_function_that_gives_no_usable_key_is_told_and_nothing_is_sent(function):
    with Upstream(tokens("Bonjour")) as upstream:
        error = failure(OpenAICompatible(upstream.url, function), CHAT)
        assert upstream.requests == []
    assert (error.status, error.code) == (502, "provider_key")
    assert str(error) == "There is no key for the model's server."
    assert OLD not in f"{error!r} {error.__cause__!r}"
    assert isinstance(error.__cause__, KeyError) or "api_key" in str(error.__cause__)


def test_words_of_the_function_for_its_client_stay():
    busy = StreamError("The vault is sealed.", code="sealed", status=503, retry_after=9)
    with pytest.raises(StreamError) as caught:
        ask(OpenAICompatible(URL, raising(busy)), CHAT)
    assert caught.value is busy


@pytest.mark.parametrize("error", [KeyboardInterrupt, SystemExit])
def test_what_ends_the_process_passes(error):
    with pytest.raises(error):
        ask(OpenAICompatible(URL, raising(error())), CHAT)


def test_a_function_that_fails_at_the_second_call_is_told():
    def key():
        return next(keys)

    keys = iter([OLD])
    with Upstream(only(NEW)) as upstream:
        error = failure(OpenAICompatible(upstream.url, key), CHAT)
    assert str(error) == "There is no key for the model's server."


class Asynchronous:
    async def __call__(self):
        return OLD


async def asynchronous():
    return OLD


@pytest.mark.parametrize(
    "function", [asynchronous, functools.partial(asynchronous), Asynchronous()]
)
def test_an_async_function_is_refused_at_once(function):
    with pytest.raises(ConfigurationError, match="^api_key: .* not async def"):
        OpenAICompatible(URL, function)


def test_a_function_is_no_text_of_the_provider():
    assert repr(OpenAICompatible(URL, lambda: OLD)) == f"OpenAICompatible('{URL}', model=None)"


@pytest.mark.parametrize("key", [OLD, lambda: OLD])
def test_a_key_replaces_a_header_of_its_name_in_any_case(key):
    with Upstream(tokens("Bonjour")) as upstream:
        ask(OpenAICompatible(upstream.url, key, headers={"authorization": "Basic x"}), CHAT)
        assert upstream.requests[0].headers.get_all("Authorization") == [f"Bearer {OLD}"]

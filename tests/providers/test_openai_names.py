"""The look-up of a server's name is bounded in time, and delays no call to another server."""

from __future__ import annotations

import socket
from urllib.parse import urlsplit

import pytest

from flask_llmstream.errors import ProviderError
from flask_llmstream.providers import OpenAICompatible
from tests.providers.asking import ask, failure
from tests.providers.waiting import Reading
from tests.support.certificates import certificate_for
from tests.support.resolver import Resolver
from tests.support.upstream import Upstream, nobody_listens, tokens

MANY = 20
"""More look-ups than the threads of gevent's pool, or of asyncio's executor."""


@pytest.fixture
def resolver(monkeypatch):
    """A resolver that knows two names of this machine."""
    resolver = Resolver()
    resolver.known = {"model.test": ["127.0.0.1"], "hung.test": ["127.0.0.1"]}
    monkeypatch.setattr(socket, "getaddrinfo", resolver)
    return resolver


@pytest.fixture
def upstream():
    with Upstream(tokens("Hi")) as upstream:
        yield upstream


def url_of(upstream, host):
    return urlsplit(upstream.url)._replace(netloc=f"{host}:{urlsplit(upstream.url).port}").geturl()


def test_a_server_is_found_by_its_name(resolver, upstream):
    assert ask(OpenAICompatible(url_of(upstream, "model.test")))[0] == "Hi"
    assert upstream.requests[0].headers["Host"].startswith("model.test:")


def test_all_of_its_addresses_are_tried_in_their_order(resolver, upstream):
    resolver.known["model.test"] = ["127.0.0.9", "127.0.0.1"]
    assert ask(OpenAICompatible(url_of(upstream, "model.test")))[0] == "Hi"


def test_a_name_that_nobody_knows_cannot_be_reached(resolver):
    error = failure(OpenAICompatible("http://unknown.test/v1", retries=0))
    assert (error.code, error.status) == ("provider_unreachable", 502)


@pytest.mark.parametrize("host", ["127.0.0.1", "[::1]", "[fe80::1%25lo]", "[fe80::1%251]"])
def test_an_address_is_not_looked_up(resolver, host):
    with nobody_listens() as url:
        port = urlsplit(url).port
        provider = OpenAICompatible(f"http://{host}:{port}/v1", retries=0)
        assert failure(provider).code == "provider_unreachable"
    assert resolver.asked == []


def test_a_look_up_that_hangs_ends_in_its_time(resolver):
    with resolver.hanging("hung.test"):
        error = failure(OpenAICompatible("http://hung.test/v1", connect_timeout=0.05))
    assert (error.code, error.status) == ("provider_timeout", 504)


def test_look_ups_that_hang_hold_up_no_call_to_another_server(resolver, upstream):
    with resolver.hanging("hung.test"):
        readings = [Reading("http://hung.test/v1") for _ in range(MANY)]
        for reading in readings:
            reading.start()
        resolver.wait_until_asked("hung.test")
        assert ask(OpenAICompatible(upstream.url))[0] == "Hi"
        assert ask(OpenAICompatible(url_of(upstream, "model.test")))[0] == "Hi"
        for reading in readings:
            reading.answer.abort()
        assert all(reading.ended() for reading in readings)


def test_nor_do_those_that_were_given_up(resolver, upstream):
    with resolver.hanging("hung.test"):
        for _ in range(MANY):
            failure(OpenAICompatible("http://hung.test/v1", connect_timeout=0.001))
        assert ask(OpenAICompatible(upstream.url))[0] == "Hi"
        assert ask(OpenAICompatible(url_of(upstream, "model.test")))[0] == "Hi"
        assert resolver.asked.count("hung.test") <= 2


def test_a_proxys_name_is_looked_up_likewise(resolver, upstream, monkeypatch):
    monkeypatch.setenv("http_proxy", url_of(upstream, "model.test"))
    monkeypatch.setenv("no_proxy", "")
    assert ask(OpenAICompatible("http://far.test/v1"))[0] == "Hi"
    assert resolver.asked == ["model.test"]


def test_a_certificate_has_to_be_of_the_name(resolver, tmp_path):
    certificate = certificate_for("model.test", tmp_path)
    with Upstream(tokens("Hi"), certificate.context) as upstream:
        trusting = {"ca_bundle": certificate.path}
        assert ask(OpenAICompatible(url_of(upstream, "model.test"), **trusting))[0] == "Hi"
        with pytest.raises(ProviderError):
            ask(OpenAICompatible(url_of(upstream, "hung.test"), **trusting))

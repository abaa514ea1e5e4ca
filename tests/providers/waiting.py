"""A thread that reads an answer, and the places where it can wait for the server."""

from __future__ import annotations

import logging
import socket
import threading
from contextlib import contextmanager

import pytest

from flask_llmstream.errors import ProviderError
from flask_llmstream.providers import OpenAICompatible
from tests.providers.asking import PROMPT
from tests.support.resolver import Resolver
from tests.support.upstream import (
    HANG_GUARD,
    Upstream,
    answer,
    nobody_accepts,
    nobody_shakes_hands,
    silence,
    silence_after,
)


class Reading(threading.Thread):
    """A thread that reads an answer. Without an abort it would run for ever."""

    def __init__(self, url, **options):
        super().__init__(daemon=True)
        provider = OpenAICompatible(url, connect_timeout=0, read_timeout=0, **options)
        self.answer = provider.stream(PROMPT)
        self.got_delta = threading.Event()
        self.error = None

    def run(self):
        try:
            for _ in self.answer:
                self.got_delta.set()
        except ProviderError as error:
            self.error = error

    def ended(self):
        self.join(HANG_GUARD)
        return not self.is_alive()


@contextmanager
def looking_its_name_up(reading_of, certificate):
    resolver = Resolver()
    with pytest.MonkeyPatch.context() as patch, resolver.hanging("hung.test"):
        patch.setattr(socket, "getaddrinfo", resolver)
        reading = reading_of("http://hung.test/v1")
        reading.start()
        resolver.wait_until_asked("hung.test")
        yield reading


@contextmanager
def connecting(reading_of, certificate):
    with nobody_accepts() as url:
        reading = reading_of(url)
        reading.start()
        yield reading


@contextmanager
def shaking_hands(reading_of, certificate):
    with nobody_shakes_hands() as url:
        reading = reading_of(url)
        reading.start()
        yield reading


@contextmanager
def waiting_for_headers(reading_of, certificate):
    with Upstream(silence) as upstream:
        reading = reading_of(upstream.url)
        reading.start()
        assert upstream.asked.wait(HANG_GUARD)
        yield reading
        assert upstream.hung_up.wait(HANG_GUARD)


@contextmanager
def waiting_for_headers_over_tls(reading_of, certificate):
    with Upstream(silence, certificate.context) as upstream:
        reading = reading_of(upstream.url, ca_bundle=certificate.path)
        reading.start()
        assert upstream.asked.wait(HANG_GUARD)
        yield reading
        assert upstream.hung_up.wait(HANG_GUARD)


@contextmanager
def waiting_for_a_delta(reading_of, certificate):
    with Upstream(silence_after("a")) as upstream:
        reading = reading_of(upstream.url)
        reading.start()
        assert reading.got_delta.wait(HANG_GUARD)
        yield reading
        assert upstream.hung_up.wait(HANG_GUARD)


@contextmanager
def waiting_for_a_delta_over_tls(reading_of, certificate):
    with Upstream(silence_after("a"), certificate.context) as upstream:
        reading = reading_of(upstream.url, ca_bundle=certificate.path)
        reading.start()
        assert reading.got_delta.wait(HANG_GUARD)
        yield reading
        assert upstream.hung_up.wait(HANG_GUARD)


@contextmanager
def waiting_to_try_again(reading_of, certificate):
    busy = answer(503, retry_after="1000", connection="close")
    with Upstream(busy) as upstream, retry_told() as told:
        reading = reading_of(upstream.url, retry_within=5000)
        reading.start()
        assert told.wait(HANG_GUARD)
        yield reading
    assert len(upstream.requests) == 1


@contextmanager
def retry_told():
    """An event that is set when the log tells a retry, whose wait then begins."""
    told = threading.Event()
    handler = logging.Handler()
    handler.emit = lambda record: told.set() if "retry" in record.getMessage() else None
    logging.getLogger("flask_llmstream").addHandler(handler)
    try:
        yield told
    finally:
        logging.getLogger("flask_llmstream").removeHandler(handler)


everywhere = pytest.mark.parametrize(
    "waiting",
    [
        looking_its_name_up,
        connecting,
        shaking_hands,
        waiting_for_headers,
        waiting_for_headers_over_tls,
        waiting_for_a_delta,
        waiting_for_a_delta_over_tls,
        waiting_to_try_again,
    ],
)

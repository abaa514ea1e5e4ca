"""A server never stops sending data without result to a greenlet that reads its answer.
``test_openai_on_greenlets`` runs this in a monkey-patched process."""

from __future__ import annotations

import gevent
import pytest

from flask_llmstream.providers import OpenAICompatible
from tests.providers.asking import PROMPT
from tests.support.floods import FLOODS, flood
from tests.support.upstream import HANG_GUARD

TURNS = 20


def others_have_their_turn_and_it_can_be_stopped(url, **options):
    reading = gevent.spawn(list, OpenAICompatible(url, **options).stream(PROMPT))
    try:
        for _ in range(TURNS):
            gevent.sleep(0.01)
        assert not reading.ready()
    finally:
        reading.kill(block=False)
        reading.join(HANG_GUARD)
    assert isinstance(reading.value, gevent.GreenletExit)


@pytest.mark.parametrize("kind", FLOODS)
def test_a_flood_holds_nobody_up(kind):
    with flood(kind) as url:
        others_have_their_turn_and_it_can_be_stopped(url)


def test_nor_does_one_over_tls(certificate):
    with flood("comments", certificate) as url:
        others_have_their_turn_and_it_can_be_stopped(url, ca_bundle=certificate.path)


def test_it_is_run_where_sockets_are_greenlets():
    assert gevent.monkey.is_module_patched("socket")

"""Callers on one hub share one object, and each hub has its own."""

from __future__ import annotations

import gevent
from gevent import get_hub

from flask_llmstream.runtime.per_hub import PerHub
from tests.support.runtimes import THREADS


def test_greenlets_of_one_hub_share_it():
    shared = PerHub(lambda hub: [hub])
    asked = [gevent.spawn(lambda: shared(get_hub())) for _ in range(2)]
    gevent.joinall(asked)
    assert asked[0].value is asked[1].value


def test_it_is_made_of_the_hub():
    assert PerHub(lambda hub: [hub])(get_hub()) == [get_hub()]


def test_another_thread_has_its_own():
    shared = PerHub(lambda hub: [hub])
    mine = shared(get_hub())
    assert THREADS.run(lambda: shared(get_hub())) is not mine


def test_a_new_hub_of_the_thread_has_a_new_one():
    shared = PerHub(lambda hub: [hub])

    def before_and_after():
        before = shared(get_hub())
        get_hub().destroy(destroy_loop=True)
        return before is shared(get_hub())

    assert THREADS.run(before_and_after) is False

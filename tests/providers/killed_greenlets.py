"""A greenlet that reads an answer is killed where it waits. ``test_openai_on_greenlets`` runs this
in a monkey-patched process."""

from __future__ import annotations

import gevent

from flask_llmstream.providers import OpenAICompatible
from tests.providers.asking import PROMPT
from tests.providers.waiting import everywhere
from tests.support.upstream import HANG_GUARD, open_descriptors


class GreenletReading(gevent.Greenlet):
    """A greenlet that reads an answer."""

    def __init__(self, url, **options):
        super().__init__()
        provider = OpenAICompatible(url, connect_timeout=0, read_timeout=0, **options)
        self.answer = provider.stream(PROMPT)
        self.got_delta = gevent.event.Event()

    def _run(self):
        for _ in self.answer:
            self.got_delta.set()


@everywhere
def test_a_killed_greenlet_hangs_up_and_leaves_nothing_open(waiting, certificate):
    before = open_descriptors()
    with waiting(GreenletReading, certificate) as reading:
        gevent.idle()
        reading.kill(block=False)
        reading.join(HANG_GUARD)
    assert isinstance(reading.value, gevent.GreenletExit)
    assert open_descriptors() <= before


def test_it_is_run_where_sockets_are_greenlets():
    assert gevent.monkey.is_module_patched("socket")

"""Readers who are cut off again and again, over workers of which one is restarted meanwhile: each
text is the generator's, byte for byte, and each generator ran once."""

from __future__ import annotations

import os
import re
import signal

import pytest

from tests.support.produced import produced, text_of
from tests.support.redis_servers import redis_server
from tests.support.returning_crowd import ReturningCrowd, counts

CUTS = 3
EXPECTED = re.compile(
    r"found no slot|^sys:1: ResourceWarning|Enable tracemalloc"
    r"|gunicorn/arbiter.* use of fork\(\)|^ +pid = os\.fork\(\)$"
)
"""What may be logged: gunicorn 23 closes no listener before the interpreter's end. A later one
forks beside a thread of its own, and Python warns of that from 3.12 on."""


@pytest.mark.parametrize(
    "workers, readers, tokens, pause, seconds",
    [
        pytest.param(2, 30, 30, 0.05, 0.5, id="30 readers"),
        pytest.param(4, 1000, 40, 0.5, 15, id="1000 readers", marks=pytest.mark.thorough),
    ],
)
def test_every_text_is_whole_and_every_generator_ran_once(
    workers, readers, tokens, pause, seconds
):
    grace = int(tokens * pause * 2) + 5
    with redis_server() as server, produced(server.url, workers=workers, grace=grace) as site:
        with site.request("POST", "/answers/first", [1, 0]) as reader:
            restarted = int(reader.response.headers["X-Worker"])
        crowd = ReturningCrowd([site.live.port], readers, tokens, pause, CUTS, seed=readers)
        crowd.run(seconds, [(seconds * 0.8, lambda: os.kill(restarted, signal.SIGTERM))])
        print(counts(crowd))
        assert {reader.end for reader in crowd.readers} == {"ended"}
        assert {reader.cut_off for reader in crowd.readers} == {CUTS}
        wrong = [one.name for one in crowd.readers if one.text != text_of(one.name, tokens)]
        assert wrong == []
        ran = server.client.mget([f"begun:{one.name}" for one in crowd.readers])
        assert set(ran) == {b"1"}
        assert [line for line in site.live.log if not EXPECTED.search(line)] == []

"""No byte of an answer comes to another call, whatever the order of ends, aborts and reuse.

Each answer has the ID of its call in every chunk. Calls run beside each other on one client, each
with a fate drawn at random: how its server answers, and how its reader leaves.
"""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

from hypothesis import given, settings
from hypothesis import strategies as st

from flask_llmstream.http.client import HTTPClient
from flask_llmstream.http.errors import CallError
from tests.support.upstream import HANG_GUARD, HEAD, LAST_CHUNK, Upstream, open_descriptors

CHUNKS = 4
RUBBISH = "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n<rubbish>"
ENDS = {"whole": LAST_CHUNK, "more": LAST_CHUNK + RUBBISH, "open": "4\r\n"}


def serve(exchange):
    """Answer as the path says: ``/call/fate``."""
    *_, call, fate = exchange.path.split("/")
    exchange.send(HEAD)
    for _ in range(CHUNKS):
        exchange.send_chunk(f"<{call}>")
    exchange.send(ENDS.get(fate, ""))
    if fate in ("cut", "closed"):
        exchange.end()


FATES = st.sampled_from(["whole", "whole", "whole", "more", "open", "cut", "closed"])
LEAVES = st.sampled_from(["end", "end", "end", "finish", "close", "abort", "abort soon"])
CALLS = st.lists(st.tuples(FATES, LEAVES), max_size=8)


def read(client, url, call, fate, leaves):
    """What the reader of a call gets. It leaves in its own way."""
    got = []
    with closing(client.call("GET", f"{url}/{call}/{fate}", headers={})) as made:
        aborting = threading.Thread(target=made.abort)
        if leaves == "abort soon":
            aborting.start()
        try:
            answer = made.open()
            for block in answer.blocks():
                got.append(block)
                if leaves not in ("end", "abort soon") or fate == "open":
                    break
            if leaves == "finish":
                answer.finish()
        except CallError:
            pass
        if leaves == "abort":
            aborting.start()
    if aborting.ident is not None:
        aborting.join()
    return b"".join(got).decode()


@settings(max_examples=15)
@given(st.lists(CALLS, min_size=1, max_size=3))
def test_no_byte_of_an_answer_comes_to_another_call(lines):
    before = open_descriptors()
    client = HTTPClient(read_timeout=HANG_GUARD)

    def run(number, line):
        for place, (fate, leaves) in enumerate(line):
            call = f"{number}-{place}"
            whole = f"<{call}>" * CHUNKS
            got = read(client, upstream.url, call, fate, leaves)
            assert whole.startswith(got), (call, fate, leaves, got)
            if (fate, leaves) == ("whole", "end"):
                assert got == whole

    with Upstream(serve) as upstream, ThreadPoolExecutor(len(lines)) as threads:
        list(threads.map(run, range(len(lines)), lines))
    client = None
    assert open_descriptors() <= before


def test_a_thousand_aborts_leave_nothing_open():
    before = open_descriptors()
    client = HTTPClient()
    leaves = ["abort", "abort soon", "close", "end"]
    with Upstream(serve) as upstream:
        for number in range(1000):
            fate = ("whole", "open")[number % 2]
            whole = f"<{number}>" * CHUNKS
            assert whole.startswith(read(client, upstream.url, number, fate, leaves[number % 4]))
    client = None
    assert open_descriptors() <= before

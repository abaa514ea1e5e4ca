"""Generators that do what they should not, on real servers: others go on, and nothing is left."""

from __future__ import annotations

import threading

import pytest

from tests.bad_days.rounds import EXACT, settled
from tests.support.readers import Readers
from tests.support.servers import HANG_GUARD, PYWSGI, THREADS, running

STUBBORN = ["ignores_its_close", "fails_in_its_finally", "takes_its_time_in_its_finally"]


@pytest.fixture(scope="module", params=[PYWSGI, THREADS], ids=["gevent.pywsgi", "threads"])
def server(request):
    with running(request.param) as live:
        warm_up(live)
        yield live


@pytest.fixture
def live(server):
    """The server; nothing is left behind a test."""
    before = settled(server)
    yield server
    after = settled(server, before)
    assert {name: after[name] for name in EXACT if after[name] > before[name]} == {}


def warm_up(live):
    with Readers(live.port, ["/answer"] * 5) as readers:
        readers.read_to_the_end()


def finished(live, reason):
    return live.get("/known")["finished"].get(reason, 0)


def wait_until_finished(live, reason, number):
    """Wait until so many streams have had their summary with this reason."""
    pause = threading.Event()
    for _ in range(HANG_GUARD * 10):
        if finished(live, reason) == number:
            return
        pause.wait(0.05)
    raise AssertionError(f"{finished(live, reason)} of {number} ended with {reason}")


@pytest.mark.parametrize("name", STUBBORN)
def test_readers_may_leave_it(live, name):
    before = finished(live, "disconnect")
    with Readers(live.port, [f"/misbehaving/{name}"] * 10) as readers:
        readers.read_until(lambda reader: reader.count("\n\n") >= 3)
    wait_until_finished(live, "disconnect", before + 10)


@pytest.mark.parametrize("name", STUBBORN)
def test_it_may_run_out_of_time(live, name):
    before = finished(live, "timeout")
    with Readers(live.port, [f"/misbehaving/{name}?total_timeout=0.1"] * 10) as readers:
        readers.read_to_the_end()
    assert all(reader.has_ended for reader in readers.all)
    assert all(reader.count('"code":"timeout"') == 1 for reader in readers.all)
    wait_until_finished(live, "timeout", before + 10)


def test_while_one_computes_the_others_lose_nothing(live):
    """Not even those for whom the server could not write in time."""
    paths = ["/answer?pause=0.1", "/answer?size=20000&tokens=800&send_timeout=2"] * 5
    with Readers(live.port, [*paths, "/misbehaving/spins?after=0.2&seconds=3"]) as readers:
        readers.read_to_the_end()
    assert all(reader.is_whole for reader in readers.all)
    delta = 'message\ndata: {"ended":false'
    assert [reader.count(delta) for reader in readers.all] == [10, 800] * 5 + [2]


def test_the_readers_of_one_that_never_yields_have_their_timeout_all_the_same(live):
    paths = ["/misbehaving/never_yields?first_event_timeout=0.1"] * 10
    with Readers(live.port, paths) as readers:
        readers.read_to_the_end()
    assert all(reader.count('"code":"timeout"') == 1 for reader in readers.all)
    live.post("/released")  # on threads it waits till then, and so do the slots

"""What happens to a server on a bad day. ``python -m tests.bad_days`` runs the long versions."""

from __future__ import annotations

import os
import signal
import threading

import pytest

from tests.bad_days.rounds import Rounds
from tests.bad_days.slow_reader import BUFFERED, IN_HAND, TO_READ_WITH, SlowReader, beside
from tests.support.readers import Readers
from tests.support.servers import HANG_GUARD, PYWSGI, THREADS, running, serving


@pytest.mark.parametrize(
    "server, readers", [(PYWSGI, 400), (THREADS, 200)], ids=["gevent.pywsgi", "threads"]
)
def test_a_crowd_that_comes_and_leaves_at_random_leaves_nothing(server, readers):
    with running(server) as live:
        rounds = Rounds(live, readers, seconds=readers / 100, pause=0.05)
        for _ in range(2):
            rounds.run()
            assert rounds.left == {}
        assert rounds.grown == {}
    assert rounds.broken == []


@pytest.fixture(scope="module")
def pywsgi():
    with running(PYWSGI) as live:
        yield live


def test_readers_beside_a_slow_one_have_each_step_before_the_next(pywsgi):
    figures = beside(pywsgi, 20, 30, lambda: SlowReader("127.0.0.1", pywsgi.port))
    assert len(figures.steps) == 30


def test_a_slow_reader_costs_no_more_than_the_buffers(pywsgi):
    figures = beside(pywsgi, 0, 30, lambda: SlowReader("127.0.0.1", pywsgi.port))
    assert figures.ahead <= BUFFERED + IN_HAND + SlowReader.most_in_the_kernel()
    assert figures.heap_kib <= (BUFFERED + IN_HAND + TO_READ_WITH) // 1024 + 64


# A worker that is killed.

GUNICORN = "-m gunicorn -b 127.0.0.1:{port} --log-level warning"
WORKERS = {
    "gevent": GUNICORN + " -k gevent tests.live_apps.patched:app",
    "gthread": GUNICORN + " -k gthread --threads 110 tests.live_apps.plain:app",
}


@pytest.fixture(params=WORKERS)
def gunicorn(request):
    with serving(WORKERS[request.param]) as live:
        yield live


def test_the_readers_of_a_killed_worker_see_a_cut_and_no_end(gunicorn):
    worker = gunicorn.get("/known")["pid"]
    with Readers(gunicorn.port, ["/steps"] * 100) as readers:
        readers.read_until(lambda reader: reader.first_block_after is not None)
        gunicorn.post("/step")
        readers.read_until(lambda reader: reader.count("step 1"))
        os.kill(worker, signal.SIGKILL)
        readers.read_to_the_end()
    assert not any(reader.has_ended for reader in readers.all)
    assert not any(reader.count('"ended":true') for reader in readers.all)
    assert next_worker(gunicorn, worker) != worker
    with Readers(gunicorn.port, ["/answer"] * 20) as readers:
        readers.read_to_the_end()
    assert all(reader.is_whole for reader in readers.all)


def next_worker(live, worker):
    """The process ID of the next worker, once it serves."""
    pause = threading.Event()
    for _ in range(HANG_GUARD * 10):
        try:
            return live.get("/known")["pid"]
        except OSError:
            pause.wait(0.1)
    return worker

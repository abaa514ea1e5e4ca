"""The readers of open streams get an end, however a gunicorn worker ends."""

from __future__ import annotations

import contextlib
import os
import pathlib
import re
import signal
import threading

import pytest

from tests.support.servers import HANG_GUARD, serving

GUNICORN = (
    "-m gunicorn -b 127.0.0.1:{port} --log-level warning --graceful-timeout 4 "
    "-c tests/live_apps/gunicorn_hooks_conf.py"
)
WORKERS = {
    "gevent": "-k gevent tests.live_apps.patched:app",
    "gevent_pywsgi": "-k gevent_pywsgi tests.live_apps.patched:app",
    "gthread": "-k gthread --threads 8 tests.live_apps.plain:app",
    "sync": "tests.live_apps.plain:app",
}
thorough = pytest.mark.thorough
EACH = ["gevent", pytest.param("gevent_pywsgi", marks=thorough), "gthread", "sync"]
BESIDE_OTHERS = EACH[:-1]
"""The workers that serve other requests while a stream is open."""
COUNTING = ["gevent", "gthread"]
"""The workers of these that count requests. gevent's own server counts none."""
SIGNALS = [pytest.param(signal.SIGTERM, marks=thorough), signal.SIGINT, signal.SIGQUIT]


@contextlib.contextmanager
def served(worker, options=""):
    with serving(f"{GUNICORN} {options} {WORKERS[worker]}") as live:
        yield live


@contextlib.contextmanager
def open_stream(live):
    with live.request("GET", "/gated", patience=HANG_GUARD / 2) as reader:
        reader.block()
        live.release("heard")
        reader.block()
        yield reader


def was_told(reader):
    (last,) = reader.blocks()
    return b'"code":"shutdown"' in last and re.search(rb"^retry: \d+$", last, re.MULTILINE)


def worker_of(live):
    return live.get("/known")["pid"]


def one_stream(live):
    """The same for a worker that serves nothing else meanwhile."""
    live.release("heard")
    return live.request("GET", "/gated", patience=HANG_GUARD / 2)


@pytest.mark.parametrize("number", SIGNALS)
@pytest.mark.parametrize("worker", EACH)
def test_a_signal_to_the_master(worker, number):
    with served(worker) as live:
        with one_stream(live) as reader:
            reader.block()
            assert b"heard" in reader.block()
            os.kill(live.pid, number)
            assert was_told(reader)
        assert live.ended()


@pytest.mark.parametrize("worker", EACH)
def test_its_own_timeout(worker):
    with served(worker) as live:
        pid = worker_of(live)
        with one_stream(live) as reader:
            reader.block()
            assert b"heard" in reader.block()
            if worker != "sync":
                worker_of(live)  # an exception of a handler ends the greenlet that is running
            os.kill(pid, signal.SIGABRT)
            assert was_told(reader)


@pytest.mark.parametrize("worker", BESIDE_OTHERS)
def test_the_end_of_its_parent(worker):
    with served(worker) as live:
        pid = worker_of(live)
        with open_stream(live) as reader:
            os.kill(live.pid, signal.SIGKILL)
            assert was_told(reader)
        assert is_gone(pid)


@pytest.mark.parametrize("worker", COUNTING)
def test_its_number_of_requests(worker):
    with served(worker, "--max-requests 4") as live:
        pid = worker_of(live)
        with open_stream(live) as reader:
            live.get("/slots")  # the fourth; a fifth might reach the worker that takes no more
            assert was_told(reader)
        assert worker_of(live) != pid


@pytest.mark.parametrize("worker", COUNTING)
def test_a_stream_that_ends_in_time_is_whole_whatever_number_that_was(worker):
    with served(worker, "--max-requests 2") as live:
        with live.request("GET", "/gated") as reader:
            reader.block()
            live.release("end")
            assert b'"reason":"complete"' in reader.block()


@pytest.mark.parametrize("worker", EACH)
def test_a_change_of_the_code(worker, tmp_path):
    file = pathlib.Path(tmp_path, "changed.txt")
    file.touch()
    options = f"--reload --reload-engine poll --reload-extra-file {file}"
    with served(worker, options) as live:
        with one_stream(live) as reader:
            reader.block()
            assert b"heard" in reader.block()
            with changing(file):
                assert was_told(reader)


@pytest.mark.parametrize("worker", EACH)
def test_the_hooks_of_ones_own_are_called_too(worker):
    with served(worker) as live:
        worker_of(live)  # it has started
        os.kill(live.pid, signal.SIGINT)
        assert live.ended()
    said = "".join(live.log)
    assert said.count("worker_int of the site's own") == 1
    assert said.count("worker_exit of the site's own") == 1


@contextlib.contextmanager
def changing(file):
    """A file that changes again and again: the reloader's first look only notes its time."""
    over = threading.Event()

    def change():
        changed = os.stat(file).st_mtime
        while not over.wait(0.2):
            changed += 1
            os.utime(file, (changed, changed))

    changes = threading.Thread(target=change)
    changes.start()
    try:
        yield
    finally:
        over.set()
        changes.join()


def is_gone(pid):
    pause = threading.Event()
    for _ in range(HANG_GUARD * 10):
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return True
        pause.wait(0.1)
    return False

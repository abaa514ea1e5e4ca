"""``EventSource.close()``: it ends each wait at once, from anywhere, and leaves nothing behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from functools import partial
from pathlib import Path

import pytest

from flask_llmstream.client.event_source import EventSource
from tests.client.phases import PHASES, a_moment, reader_of, reads_until_closed
from tests.support.runtimes import on_thread
from tests.support.upstream import HANG_GUARD, Upstream, silence, silence_after, tokens

ROOT = Path(__file__).parents[2]


@pytest.fixture(params=PHASES, ids=lambda phase: phase.__name__)
def wait(request, tmp_path):
    with request.param(tmp_path) as wait:
        yield wait


def test_from_another_thread(wait):
    source = reader_of(wait)
    reader = threading.Thread(target=partial(reads_until_closed, source))
    reader.start()
    wait.waits()
    source.close()
    reader.join(HANG_GUARD)
    assert not reader.is_alive()


def test_from_a_signal_s_handler(wait):
    source = reader_of(wait)
    previous = signal.signal(signal.SIGUSR1, lambda *_: source.close())

    def send():
        wait.waits()
        # A signal between CPython's last look for one and its system call does not end that call.
        while not source.closed:
            os.kill(os.getpid(), signal.SIGUSR1)
            a_moment()

    sender = threading.Thread(target=send)
    sender.start()
    try:
        reads_until_closed(source)
    finally:
        sender.join()
        signal.signal(signal.SIGUSR1, previous)


def test_from_another_greenlet_of_a_patched_process():
    program = [sys.executable, "-m", "tests.client.phases"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    output = subprocess.run(
        program, cwd=ROOT, env=environment, stdout=subprocess.PIPE, timeout=60, check=True
    ).stdout
    assert output.decode().split() == [phase.__name__ for phase in PHASES]


def test_before_the_first_event_nothing_is_sent():
    with Upstream(tokens("one")) as upstream:
        source = EventSource(upstream.url)
        source.close()
        assert list(source) == []
    assert upstream.requests == []


def test_twice_is_once():
    source = EventSource("http://127.0.0.1:1/")
    source.close()
    source.close()
    assert source.closed and list(source) == []


def test_between_two_events_ends_the_connection_at_once():
    with Upstream(silence_after("one")) as upstream:
        source = EventSource(upstream.url)
        next(source)
        source.close()
        assert upstream.hung_up.wait(HANG_GUARD)
        assert list(source) == []


def test_from_another_thread_between_two_events_leaves_nothing():
    with Upstream(silence_after("one")) as upstream:
        source = EventSource(upstream.url)
        next(source)
        on_thread(source.close)
        assert upstream.hung_up.wait(HANG_GUARD)
        assert list(source) == []


def test_a_with_block_that_is_left_closes():
    with Upstream(silence_after("one")) as upstream:
        with EventSource(upstream.url) as source:
            next(source)
        assert upstream.hung_up.wait(HANG_GUARD)
    assert source.closed


def test_an_event_that_had_come_is_still_given():
    """Its ID counts as read, so that another reader would not get it."""
    with Upstream(tokens("one", "two")) as upstream:
        source = EventSource(upstream.url, on_bytes=lambda piece: source.close())
        assert list(source.text()) == ["one"]


def test_a_reader_that_is_dropped_ends_its_connection():
    with Upstream(silence_after("one")) as upstream:
        next(EventSource(upstream.url))
        assert upstream.hung_up.wait(HANG_GUARD)


def test_an_interrupt_leaves_nothing():
    with Upstream(silence) as upstream:

        def interrupt():
            upstream.asked.wait()
            while not source.closed:
                os.kill(os.getpid(), signal.SIGUSR1)
                a_moment()

        def raise_interrupt(*_):
            if not source.closed:
                raise KeyboardInterrupt

        previous = signal.signal(signal.SIGUSR1, raise_interrupt)
        source = EventSource(upstream.url)
        sender = threading.Thread(target=interrupt)
        sender.start()
        try:
            with pytest.raises(KeyboardInterrupt), source:
                next(source)
        finally:
            sender.join()
            signal.signal(signal.SIGUSR1, previous)
        assert upstream.hung_up.wait(HANG_GUARD)


def test_two_threads_do_not_read_at_a_time():
    with Upstream(silence) as upstream, EventSource(upstream.url) as source:
        reader = threading.Thread(target=partial(list, source))
        reader.start()
        upstream.asked.wait()
        with pytest.raises(RuntimeError, match="another thread or greenlet reads"):
            next(source)
        source.close()
        reader.join(HANG_GUARD)

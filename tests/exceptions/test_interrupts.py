"""An exception that a signal raises ends the process; one that a source raises ends its stream."""

from __future__ import annotations

import contextlib
import functools
import os
import signal
import sys
import threading

import gevent
import pytest

from flask_llmstream.exceptions.interrupts import is_interrupt
from flask_llmstream.log import log
from flask_llmstream.sources.asynchronous import AsyncSource
from flask_llmstream.sources.asyncio_context import with_contexts
from tests.support.running_stream import Running
from tests.support.runtimes import GREENLETS, HANG_GUARD, LOOPS, PLACES
from tests.support.servers import PYWSGI, running


@contextlib.contextmanager
def on_sigterm(handler):
    before = signal.signal(signal.SIGTERM, handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def raised(function):
    with pytest.raises((KeyboardInterrupt, SystemExit)) as caught:
        function()
    return caught.value


def ctrl_c():
    signal.raise_signal(signal.SIGINT)


def terminated():
    signal.raise_signal(signal.SIGTERM)


def goes(number=None, frame=None):
    sys.exit(0)


class Handler:
    def __call__(self, number, frame):
        goes()

    def method(self, number, frame):
        raise SystemExit


HANDLERS = {
    "a function": goes,
    "a method": Handler().method,
    "an object": Handler(),
    "a partial": functools.partial(goes),
    "a lambda": lambda number, frame: goes(),
}


def test_ctrl_c_is_an_interrupt():
    assert is_interrupt(raised(ctrl_c))


def test_ctrl_c_is_one_in_the_middle_of_computing():
    def computes():
        presses = threading.Thread(target=os.kill, args=(os.getpid(), signal.SIGINT))
        presses.start()
        while True:
            pass

    assert is_interrupt(raised(computes))


@pytest.mark.parametrize("handler", HANDLERS.values(), ids=HANDLERS)
def test_what_a_handler_raises_is_an_interrupt(handler):
    with on_sigterm(handler):
        assert is_interrupt(raised(terminated))


def test_an_interrupt_that_was_caught_and_raised_again_is_one():
    def again():
        try:
            ctrl_c()
        except KeyboardInterrupt:
            raise

    assert is_interrupt(raised(again))


def test_what_is_made_of_an_interrupt_is_one():
    def made():
        try:
            ctrl_c()
        except KeyboardInterrupt:
            sys.exit(1)

    assert is_interrupt(raised(made))


def by_hand():
    raise KeyboardInterrupt


@pytest.mark.parametrize("function", [by_hand, goes, sys.exit])
def test_what_code_raises_by_itself_is_none(function):
    assert not is_interrupt(raised(function))


def test_nor_is_what_a_handler_raises_of_another_kind():
    def in_time(number, frame):
        raise TimeoutError

    with on_sigterm(in_time), pytest.raises(TimeoutError) as caught:
        terminated()
    assert not is_interrupt(caught.value)


# On a producer's greenlet.


def interrupted_while(source):
    """Read a source whose greenlet a signal interrupts; its summary. The process is interrupted."""
    told = []
    reading = gevent.spawn(lambda: told.append(summary_of(source)))
    with pytest.raises((KeyboardInterrupt, SystemExit)):
        reading.get(timeout=HANG_GUARD)
    reading.get(timeout=HANG_GUARD)
    return told[0]


def summary_of(source):
    stream = Running(GREENLETS, source).start()
    stream.rest()
    return stream.summary()


def test_an_interrupt_in_a_source_reaches_the_main_greenlet_and_the_reader():
    def source():
        yield "one"
        ctrl_c()

    summary = interrupted_while(source())
    assert summary.reason == "shutdown"
    assert summary.failure.code == "shutdown"


def test_so_does_a_handlers_exit():
    def source():
        yield "one"
        terminated()

    with on_sigterm(goes):
        summary = interrupted_while(source())
    assert summary.reason == "shutdown"


class Unwilling:
    """A signal interrupts it while it is closed."""

    def __iter__(self):
        return iter(["one"])

    def close(self):
        ctrl_c()


def test_an_interrupt_in_a_sources_close_lets_the_stream_end_as_ever():
    summary = interrupted_while(Unwilling())
    assert summary.reason == "complete"


def test_an_interrupt_in_a_callback_reaches_the_main_greenlet(caplog):
    calling = gevent.spawn(log.isolated, ctrl_c, "a callback failed")
    with pytest.raises(KeyboardInterrupt):
        calling.get(timeout=HANG_GUARD)
    calling.get(timeout=HANG_GUARD)
    assert caplog.records == []


def test_where_nothing_is_above_it_an_interrupt_is_raised_on():
    with pytest.raises(KeyboardInterrupt):
        log.isolated(ctrl_c, "a callback failed")


@pytest.mark.parametrize("place", PLACES, indirect=True, ids=lambda place: place.name)
@pytest.mark.parametrize("raises", [by_hand, goes])
def test_what_a_source_raises_by_itself_ends_its_stream_alone(place, raises):
    def source():
        yield "one"
        raises()

    stream = Running(place, source()).start()
    assert b"event: error" not in stream.rest()
    assert stream.summary().reason == "error"


@pytest.mark.parametrize("place", LOOPS, indirect=True, ids=lambda place: place.name)
@pytest.mark.parametrize("raises", [by_hand, goes])
def test_nor_does_what_an_asynchronous_source_raises_end_more(place, raises):
    async def source():
        yield "one"
        raises()

    stream = Running(place, AsyncSource(source(), with_contexts)).start()
    stream.rest()
    assert stream.summary().reason == "error"


# On a server.


@pytest.mark.parametrize("where", ["source", "closing", "encoding", "on_finish"])
def test_ctrl_c_ends_a_server_in_whatever_a_stream_computes(where):
    with running(PYWSGI) as live, live.request("GET", f"/interrupted/{where}") as reader:
        reader.block()
        assert live.ended()

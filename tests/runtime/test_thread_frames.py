"""The frames of threads can be read while threads start and end, and while gc collects."""

from __future__ import annotations

import gc
import os
import subprocess
import sys
import threading
import weakref

from flask_llmstream.runtime.hub_monitor.thread_frames import thread_frames
from tests.support.channel_sides import switching_often
from tests.support.runtimes import HANG_GUARD

ASKED_WHILE_THREADS_START = """
import gc, sys, threading
from flask_llmstream.runtime.hub_monitor.thread_frames import thread_frames

def ask():
    while not over:
        thread_frames()

def slowly(phase, info):
    sum(range(200))

over = []
sys.setswitchinterval(1e-6)
gc.callbacks.append(slowly)
gc.set_threshold(1)
asking = [threading.Thread(target=ask) for _ in range(2)]
for thread in asking:
    thread.start()
for _ in range(100):
    thread = threading.Thread(target=slowly, args=("", {}))
    thread.start()
    thread.join()
over.append(True)
for thread in asking:
    thread.join()
assert gc.isenabled()
"""


def test_threads_start_and_garbage_is_collected_meanwhile():
    """In a process of its own, as a process that is locked up can't even fail."""
    command = [sys.executable, "-c", ASKED_WHILE_THREADS_START]
    subprocess.run(command, check=True, timeout=HANG_GUARD)


def test_a_thread_that_has_ended_executes_nothing():
    thread = threading.Thread(target=int)
    thread.start()
    thread.join()
    assert thread.ident not in thread_frames()


def test_who_has_said_that_nothing_is_collected_is_obeyed():
    gc.disable()
    try:
        assert threading.get_ident() not in thread_frames()
        assert not gc.isenabled()
    finally:
        gc.enable()


def test_a_child_that_was_forked_meanwhile_collects_and_asks():
    with switching_often():
        over = threading.Event()
        asking = threading.Thread(target=ask_until, args=(over,))
        asking.start()
        try:
            assert {exit_status_of_a_child() for _ in range(20)} == {0}
        finally:
            over.set()
            asking.join()


def ask_until(over):
    while not over.is_set():
        thread_frames()


def exit_status_of_a_child():
    child = os.fork()
    if child == 0:
        os._exit(not (gc.isenabled() and thread_frames() == {}))
    return os.waitpid(child, 0)[1]


class Held:
    """An object that a thread refers to."""


def test_who_keeps_them_in_a_variable_does_not_keep_what_those_threads_had_at_hand():
    at_hand, over = [], threading.Event()

    def hold():
        held = Held()
        at_hand.append(weakref.ref(held))
        over.wait(HANG_GUARD)

    def look():
        frames = thread_frames()
        return thread.ident in frames

    thread = threading.Thread(target=hold)
    gc.disable()
    try:
        thread.start()
        assert look()
        over.set()
        thread.join()
        assert at_hand[0]() is None
    finally:
        gc.enable()

"""``Mutex``: one holder at a time, in order, also when the holder waits or a waiter gives up."""

from __future__ import annotations

import subprocess
import sys

import gevent
import gevent.event
import pytest

from flask_llmstream.runtime.mutex import Mutex
from tests.support.channel_sides import ALL_SIDES, on_all_sides, switching_often
from tests.support.runtimes import GREENLETS, HANG_GUARD, only

on_greenlets = only(GREENLETS)


@pytest.fixture
def turn():
    return Mutex()


def queue_up(turn, name, came):
    """A greenlet that waits for the lock, and says when it has it."""

    def wait():
        turn.acquire()
        came.append(name)
        turn.release()

    greenlet = gevent.spawn(wait)
    gevent.sleep(0)
    return greenlet


@on_greenlets
def test_who_waits_has_it_in_the_order_of_their_coming(turn):
    came = []
    turn.acquire()
    greenlets = [queue_up(turn, name, came) for name in "abc"]
    assert came == []
    turn.release()
    gevent.joinall(greenlets, timeout=HANG_GUARD)
    assert came == ["a", "b", "c"]


@on_greenlets
def test_one_who_always_comes_back_keeps_nobody_waiting_for_ever(turn):
    """Holds the lock while it waits, and takes it again in the same moment."""
    came = []

    def hog():
        while not came:
            turn.acquire()
            gevent.sleep(0)
            turn.release()

    greedy = gevent.spawn(hog)
    gevent.sleep(0)
    queue_up(turn, "a", came).join(HANG_GUARD)
    greedy.join(HANG_GUARD)
    assert came == ["a"] and greedy.ready()


@on_greenlets
@pytest.mark.parametrize("moment", ["while it waits", "when it is woken"])
def test_who_is_killed_in_the_line_leaves_it_to_the_next(turn, moment):
    came = []
    turn.acquire()
    killed, other = queue_up(turn, "killed", came), queue_up(turn, "other", came)
    killed.kill(block=moment == "while it waits")
    turn.release()
    other.join(HANG_GUARD)
    assert came == ["other"]


@on_greenlets
def test_who_is_killed_when_it_was_given_to_them_passes_it_on(turn):
    came = []
    turn.acquire()
    killed, other = queue_up(turn, "killed", came), queue_up(turn, "other", came)
    turn.release()
    turn.acquire()  # quicker than who was woken, who is given it the next time
    gevent.idle()
    killed.kill(block=False)
    turn.release()
    other.join(HANG_GUARD)
    assert came == ["other"]


@on_greenlets
def test_patience_may_run_out_in_the_line(turn):
    turn.acquire()
    with pytest.raises(gevent.Timeout), gevent.Timeout(0):
        turn.acquire()
    turn.release()
    turn.acquire()  # nobody stands in the line any more
    turn.release()


@on_greenlets
def test_who_waits_is_asked_again_whether_that_is_of_use(turn):
    asked = []

    def check():
        asked.append(True)
        if len(asked) == 2:
            raise LookupError

    turn.acquire()
    waiting = gevent.spawn(turn.wait, check)
    gevent.idle()
    assert not waiting.ready()
    turn.wake_all()
    waiting.join(HANG_GUARD)
    assert isinstance(waiting.exception, LookupError)
    turn.release()


LEFT_FOR_GOOD = """
import threading, gevent
from flask_llmstream.runtime.mutex import Mutex

def wait_and_end():
    gevent.spawn(turn.acquire)
    gevent.sleep(0)
    gevent.get_hub().destroy(destroy_loop=True)

turn = Mutex()
turn.acquire()
thread = threading.Thread(target=wait_and_end)
thread.start()
thread.join()
for _ in range(2):
    turn.release()
    turn.acquire()
"""


def test_a_hub_that_was_destroyed_with_one_in_the_line_keeps_nobody_else():
    """In a process of its own, as nothing ends the greenlet that is left."""
    subprocess.run([sys.executable, "-c", LEFT_FOR_GOOD], check=True, timeout=HANG_GUARD)


@on_all_sides
def test_one_at_a_time_on_greenlets_and_threads_together(turn, sides):
    inside, most, counts = [], [], []

    def work():
        for _ in range(500):
            turn.acquire()
            inside.append(True)
            most.append(len(inside))
            inside.pop()
            turn.release()
        counts.append(True)

    with switching_often():
        others = [sides.start(work) for _ in range(4)]
        threads = [ALL_SIDES["threads"].start(work) for _ in range(4)]
        for each in others + threads:
            while sides is not ALL_SIDES["threads"] and len(counts) < 8:
                gevent.sleep(0.001)
            each.result()
    assert max(most) == 1 and len(counts) == 8

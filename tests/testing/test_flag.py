"""A flag wakes each that waits for it, wherever it waits, and fails a test that waits in vain."""

from __future__ import annotations

import threading

import gevent
import pytest

from flask_llmstream import ConfigurationError
from flask_llmstream.testing import Flag
from flask_llmstream.testing.flag import wait_for_any
from tests.support.runtimes import on_greenlet, on_thread

WAITERS = pytest.mark.parametrize("run", [on_greenlet, on_thread])


def set_on_a_thread(flag):
    thread = threading.Thread(target=flag.set)
    thread.start()
    return thread


@WAITERS
def test_a_flag_that_is_set_is_not_waited_for(run):
    flag = Flag()
    assert not flag.is_set()
    flag.set()
    assert flag.is_set()
    run(lambda: flag.wait(timeout=0))


@WAITERS
def test_another_thread_ends_a_wait(run):
    flag = Flag()

    def wait():
        thread = set_on_a_thread(flag)
        flag.wait()
        thread.join()

    run(wait)


def test_all_greenlets_that_wait_are_woken():
    flag = Flag()
    waiting = [gevent.spawn(flag.wait) for _ in range(3)]
    gevent.idle()
    thread = set_on_a_thread(flag)
    gevent.joinall(waiting, raise_error=True)
    thread.join()


@WAITERS
def test_a_wait_in_vain_is_an_error(run):
    with pytest.raises(TimeoutError, match="not happened within 0.01 s"):
        run(lambda: Flag().wait(timeout=0.01))


@pytest.mark.parametrize("timeout", [None, -1, "1"])
def test_a_wait_without_a_bound_is_refused(timeout):
    with pytest.raises(ConfigurationError, match="^timeout: has to be seconds from 0, not "):
        Flag().wait(timeout)


@WAITERS
def test_the_first_of_several_flags_ends_a_wait(run):
    first, second = Flag(), Flag()

    def wait():
        thread = set_on_a_thread(second)
        assert wait_for_any([first, second], 10)
        thread.join()

    run(wait)
    assert not first.is_set()

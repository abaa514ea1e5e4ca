"""Name look-ups are shared and bounded in number, and one name does not hold up another."""

from __future__ import annotations

import socket
import subprocess
import sys
import threading
from textwrap import dedent

import pytest

from flask_llmstream.runtime.lookups import Lookups
from tests.support.resolver import Resolver
from tests.support.servers import ROOT
from tests.support.upstream import HANG_GUARD


@pytest.fixture
def resolver(monkeypatch):
    resolver = Resolver()
    resolver.known = {name: ["192.0.2.1"] for name in ("a.test", "b.test", "hung.test")}
    monkeypatch.setattr(socket, "getaddrinfo", resolver)
    return resolver


class Asking:
    """A caller that waits for the address of a name."""

    def __init__(self, lookups, name, port=80):
        self._lookups = lookups
        self._ended = threading.Event()
        self.tell = self._ended.set
        self._lookup = lookups.ask((name, port), self.tell)

    def result(self):
        assert self._ended.wait(HANG_GUARD)
        return self._lookup.result()

    def is_told(self):
        return self._ended.is_set()

    def give_up(self):
        self._lookups.give_up(self._lookup, self.tell)


def test_whoever_asks_is_told_what_was_found(resolver):
    ((*_, address),) = Asking(Lookups(), "a.test").result()
    assert address == ("192.0.2.1", 80)


def test_all_who_ask_the_same_share_one_look_up(resolver):
    lookups = Lookups()
    with resolver.hanging("a.test"):
        askers = [Asking(lookups, "a.test") for _ in range(20)]
    assert [len(asker.result()) for asker in askers] == [1] * 20
    assert resolver.asked == ["a.test"]


def test_the_next_look_up_is_made_anew(resolver):
    lookups = Lookups()
    Asking(lookups, "a.test").result()
    Asking(lookups, "a.test").result()
    assert resolver.asked == ["a.test"] * 2


def test_each_gets_an_error_of_its_own(resolver):
    lookups, errors = Lookups(), []
    with resolver.hanging("unknown.test"):
        askers = [Asking(lookups, "unknown.test") for _ in range(2)]
    for asker in askers:
        with pytest.raises(socket.gaierror, match="not known") as caught:
            asker.result()
        errors.append(caught.value)
    assert errors[0] is not errors[1]


def test_who_comes_after_somebody_gave_up_waits_for_a_look_up_of_their_own(resolver):
    lookups = Lookups()
    with resolver.hanging("hung.test"):
        Asking(lookups, "hung.test").give_up()
        resolver.wait_until_asked("hung.test")
        later = Asking(lookups, "hung.test")
        resolver.wait_until_asked("hung.test", 2)
    assert later.result()


def test_of_one_name_there_are_two_at_a_time_whatever_is_asked_of_it(resolver):
    lookups = Lookups()
    with resolver.hanging("hung.test"):
        askers = [Asking(lookups, "hung.test", port) for port in range(80, 100)]
        Asking(lookups, "a.test").result()
        assert resolver.asked.count("hung.test") <= 2
    assert [asker.result()[0][4][1] for asker in askers] == list(range(80, 100))


def test_those_of_one_name_hold_no_other_up(resolver):
    lookups = Lookups()
    with resolver.hanging("hung.test"):
        for _ in range(200):
            Asking(lookups, "hung.test").give_up()
        assert Asking(lookups, "a.test").result()
        assert resolver.asked.count("hung.test") <= 2


def test_the_rest_waits_in_line(resolver):
    lookups = Lookups(most=1)
    with resolver.hanging("hung.test"):
        first, second = Asking(lookups, "hung.test"), Asking(lookups, "a.test")
        resolver.wait_until_asked("hung.test")
        assert not second.is_told() and resolver.asked == ["hung.test"]
    assert first.result() and second.result()


def test_what_nobody_waits_for_any_more_is_not_begun(resolver):
    lookups = Lookups(most=1)
    with resolver.hanging("hung.test"):
        first = Asking(lookups, "hung.test")
        Asking(lookups, "a.test").give_up()
        last = Asking(lookups, "b.test")
    assert first.result() and last.result()
    assert resolver.asked == ["hung.test", "b.test"]


def test_who_gave_up_is_not_told(resolver):
    lookups = Lookups()
    with resolver.hanging("hung.test"):
        one, other = Asking(lookups, "hung.test"), Asking(lookups, "hung.test")
        one.give_up()
    other.result()
    assert not one.is_told()


def test_where_no_thread_is_to_be_had_it_is_told(resolver, monkeypatch):
    def no_thread(run, name):
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr("flask_llmstream.runtime.lookups.start_native_thread", no_thread)
    with pytest.raises(OSError, match="can't start new thread"):
        Asking(Lookups(), "a.test").result()


def test_whoever_waits_is_told_however_many_ask_and_give_up(resolver):
    lookups = Lookups(most=4)
    results = []

    def ask(number):
        for turn in range(50):
            asking = Asking(lookups, ("a.test", "b.test", "hung.test")[(number + turn) % 3], turn)
            if (number + turn) % 4:
                results.append(asking.result())
            else:
                asking.give_up()

    askers = [threading.Thread(target=ask, args=[number]) for number in range(16)]
    for asker in askers:
        asker.start()
    for asker in askers:
        asker.join()
    assert len(results) == 16 * 50 * 3 // 4


def test_a_forked_child_waits_for_none_of_its_parents():
    script = """
        import os, socket, threading
        from flask_llmstream.runtime.lookups import lookups
        from tests.support.resolver import Resolver
        from tests.runtime.test_lookups import Asking

        resolver = socket.getaddrinfo = Resolver()
        resolver.known["hung.test"] = ["192.0.2.1"]
        with resolver.hanging("hung.test"):
            for times in (1, 2):
                Asking(lookups(), "hung.test").give_up()
                resolver.wait_until_asked("hung.test", times)
            child = os.fork()
            if not child:
                socket.getaddrinfo = lambda *question: [question]
                print(Asking(lookups(), "hung.test").result(), flush=True)
                os._exit(0)
            os.waitpid(child, 0)
    """
    command = [sys.executable, "-W", "ignore::DeprecationWarning", "-c", dedent(script)]
    found = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, timeout=HANG_GUARD * 2)
    assert found.stdout.decode().strip() == "[('hung.test', 80)]"

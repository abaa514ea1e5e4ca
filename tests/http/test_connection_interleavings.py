"""The ends, the aborts and the reuse of connections, with their steps in the orders of a die."""

from __future__ import annotations

import os
from contextlib import closing

import pytest

from flask_llmstream.http import call, connecting, connection, connections, exchange, idle
from flask_llmstream.http.client import HTTPClient
from flask_llmstream.http.errors import CallError
from tests.support.lockstep import Lockstep
from tests.support.upstream import HANG_GUARD, HEAD, LAST_CHUNK, Upstream

FILES = [module.__file__ for module in (call, connecting, connection, connections, exchange, idle)]
seeds = pytest.mark.parametrize("seed", range(40))


def serve(exchange):
    """Answer with the call's name in each of three chunks."""
    name = exchange.path.rpartition("/")[2]
    exchange.send(HEAD)
    for _ in range(3):
        exchange.send_chunk(f"<{name}>")
    exchange.send(LAST_CHUNK)


@pytest.fixture
def upstream():
    with Upstream(serve) as upstream:
        yield upstream


@pytest.fixture
def asking(upstream):
    """Make a call of this name. All are made by one client."""
    clients = [HTTPClient(read_timeout=HANG_GUARD)]
    yield lambda name: clients[0].call("GET", f"{upstream.url}/{name}", headers={})
    clients.clear()


def body(made):
    return b"".join(made.open().blocks()).decode()


def is_answered(made, name):
    """Whether a call gets its whole answer, and no byte of another one's."""
    with closing(made):
        return body(made) == f"<{name}>" * 3


def leave_a_connection(asking):
    assert is_answered(asking("first"), "first")


@seeds
def test_an_abort_at_a_call_s_end_spoils_no_other_call(seed, asking):
    ending = asking("ending")
    assert body(ending) == "<ending>" * 3

    def end_and_go_on():
        ending.close()
        assert is_answered(asking("next"), "next")

    Lockstep(seed, FILES).run(end_and_go_on, ending.abort)


@seeds
def test_an_abort_at_a_call_s_beginning_spoils_no_other_call(seed, asking):
    leave_a_connection(asking)
    begun = asking("begun")

    def begin():
        with closing(begun):
            try:
                assert ("<begun>" * 3).startswith(body(begun))
            except CallError:
                pass
        assert is_answered(asking("next"), "next")

    Lockstep(seed, FILES).run(begin, begun.abort)


@seeds
def test_two_calls_take_no_connection_together(seed, asking):
    leave_a_connection(asking)

    def ask(name):
        for number in range(2):
            assert is_answered(asking(f"{name}{number}"), f"{name}{number}")

    Lockstep(seed, FILES).run(lambda: ask("left"), lambda: ask("right"))


@seeds
def test_no_thread_of_a_forked_process_takes_its_parent_s_connection(seed, asking, upstream):
    leave_a_connection(asking)
    child = os.fork()
    if child == 0:
        answered = []
        try:
            Lockstep(seed, FILES).run(
                lambda: answered.append(is_answered(asking("left"), "left")),
                lambda: answered.append(is_answered(asking("right"), "right")),
            )
        finally:
            os._exit(answered != [True, True])
    assert os.waitpid(child, 0)[1] == 0
    (parent, *others) = (exchange.connection for exchange in upstream.requests)
    assert len(others) == 2 and parent not in others

"""A client is cut off when it takes nothing, and not when it takes little."""

from __future__ import annotations

import select
import threading

import pytest

from flask_llmstream.connection.connection import Connection
from flask_llmstream.connection.socket_options import unacked_bytes
from flask_llmstream.runtime.runtime import runtime_for
from tests.support.connections import Channel, wait_until_left
from tests.support.manual_timers import ManualSchedule

AT_ONCE = 1e-9
"""A ``send_timeout`` that is over at each check."""


class CheckedClient:
    """A client that is checked when the test says so.

    :ivar received_items: how many items its server was given; ``None`` while it waits for more.
    :ivar departures: how often it was said to be gone.
    """

    def __init__(self, environ, send_timeout=AT_ONCE):
        self.schedule = ManualSchedule()
        self.departures = 0
        runtime = runtime_for("auto")._replace(schedule=self.schedule)
        self.received_items = 0
        self.connection = Connection(
            environ, runtime, self._gone, send_timeout, lambda: self.received_items
        )

    def _gone(self):
        self.departures += 1

    def look(self):
        self.schedule.fire()

    def is_cut_off(self):
        """Within some checks: TCP acknowledges data a moment later, which counts as a move."""
        for _ in range(100):
            self.look()
            if self.departures:
                return True
        return False

    def close(self):
        self.connection.close()
        assert self.schedule.waiting == []


@pytest.fixture
def look_at():
    looked = []

    def look_at(environ, **changes):
        looked.append(CheckedClient(environ, **changes))
        return looked[-1]

    yield look_at
    for one in looked:
        one.close()


def test_a_client_who_takes_nothing_is_cut_off(connection, look_at):
    client = look_at(connection.environ)
    connection.fill()
    client.look()
    assert client.departures == 0, "it has its time first"
    assert client.is_cut_off()
    assert select.select([], [connection.server], [], 0)[1], "a write of the server's is free"


def test_a_client_who_takes_a_little_is_only_slow(connection, look_at):
    client = look_at(connection.environ)
    connection.fill()
    for _ in range(3):
        client.look()
        take_some(connection)
    assert client.departures == 0
    assert client.is_cut_off(), "it has stopped"


def test_a_client_who_has_taken_all_waits_for_the_server(connection, look_at):
    client = look_at(connection.environ)
    for _ in range(3):
        client.look()
    assert client.departures == 0


def test_a_client_for_whom_there_is_nothing_is_not_looked_for_a_move(connection, look_at):
    client = look_at(connection.environ)
    connection.fill()
    client.look()
    client.received_items = None
    client.look()
    client.received_items = 0
    client.look()
    assert client.departures == 0


def test_a_client_who_takes_item_after_item_is_there(look_at):
    client = look_at({})
    for _ in range(3):
        client.look()
        client.received_items += 1
    assert client.departures == 0


def test_and_so_is_one_who_takes_heartbeats(look_at):
    client = look_at({})
    for _ in range(3):
        client.look()
        client.connection.control_blocks += 1
    assert client.departures == 0


def test_where_the_server_shows_no_socket_one_block_may_take_the_whole_time(look_at):
    client = look_at({})
    client.look()
    client.look()
    assert client.departures == 1


def test_until_its_time_is_over_a_client_may_stand_still(look_at):
    client = look_at({}, send_timeout=1000)
    for _ in range(10):
        client.look()
    assert client.departures == 0


# The last that there is for it.


@pytest.fixture
def last(place):
    """Makes a connection at the end of its answer, which no timer checks."""

    def last(environ, send_timeout=0):
        schedule = ManualSchedule()
        runtime = runtime_for(place.worker)._replace(schedule=schedule)
        return Connection(environ, runtime, lambda: None, send_timeout, lambda: 0)

    return last


def test_a_client_is_let_take_what_there_is(place, connection, last):
    sent = connection.fill()
    taking = threading.Thread(target=lambda: take(connection, sent))
    taking.start()
    last(connection.environ).wait_for_acks()
    taking.join()
    assert unacked_bytes(connection.server.fileno()) == 0


def test_one_who_takes_nothing_is_waited_for_no_longer_than_its_time(place, connection, last):
    connection.fill()
    last(connection.environ, send_timeout=0.1).wait_for_acks()
    assert unacked_bytes(connection.server.fileno()) > 0


def test_one_who_has_left_is_not_waited_for(place, connection, last):
    connection.fill()
    connection.client_resets()
    wait_until_left(connection.server)
    last(connection.environ).wait_for_acks()


def test_what_waitress_has_yet_to_write_is_waited_for(place, connection, last):
    channel = Writing(connection)
    last({"waitress.client_disconnected": channel.client_disconnected}).wait_for_acks()
    assert channel.total_outbufs_len == 0


class Writing(Channel):
    """A channel of waitress, whose main thread writes a byte between two looks."""

    left = 3

    @property
    def total_outbufs_len(self):
        self.left = max(self.left - 1, 0)
        return self.left


def take(connection, count):
    while count:
        count -= len(connection.client.recv(min(count, 1 << 20)))


def take_some(connection):
    """Read until the kernel has sent some of the rest, which it does in its own steps."""
    descriptor = connection.server.fileno()
    before = unacked_bytes(descriptor)
    while unacked_bytes(descriptor) == before:
        connection.client.recv(65536)

"""A client that is gone without a word: a laptop that was closed, a cable that was pulled."""

from __future__ import annotations

import socket

import pytest

from flask_llmstream.connection.socket_options import keep_alive

KEEP_ALIVE = ["TCP_KEEPIDLE", "TCP_KEEPINTVL", "TCP_KEEPCNT"]


def test_a_silent_connection_is_asked_whether_it_is_alive(connection):
    keep_alive(connection.server.fileno(), 60)
    option = connection.server.getsockopt
    assert option(socket.SOL_SOCKET, socket.SO_KEEPALIVE)
    asked = [option(socket.IPPROTO_TCP, getattr(socket, name)) for name in KEEP_ALIVE]
    assert asked == [60, 15, 4]


@pytest.mark.parametrize("seconds, milliseconds", [(60, 60_000), (0, 0), (1e9, 2**31 - 1)])
def test_what_was_sent_may_stay_unanswered_for_so_long(connection, seconds, milliseconds):
    keep_alive(connection.server.fileno(), seconds)
    option = socket.TCP_USER_TIMEOUT
    assert connection.server.getsockopt(socket.IPPROTO_TCP, option) == milliseconds


def test_the_socket_stays_the_servers(connection):
    keep_alive(connection.server.fileno(), 60)
    connection.server.sendall(b"more")
    assert connection.client.recv(10) == b"more"


def test_a_socket_of_the_machines_own_has_no_such_thing():
    one, other = socket.socketpair()
    with one, other:
        keep_alive(one.fileno(), 60)
        one.sendall(b"more")
        assert other.recv(10) == b"more"

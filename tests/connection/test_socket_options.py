"""The client's socket tells of a departure, can be cut, and stays the server's own."""

from __future__ import annotations

import os
import resource
import socket
import threading

import pytest

from flask_llmstream.connection.socket_options import (
    cut,
    has_left,
    keep_alive,
    limit_unsent,
    reset_on_close,
    unacked_bytes,
)
from tests.support.connections import Connection, wait_until_left
from tests.support.runtimes import HANG_GUARD

KEEP_ALIVE = ["TCP_KEEPIDLE", "TCP_KEEPINTVL", "TCP_KEEPCNT"]

# Has this client left?


def test_a_client_who_waits_is_there(any_connection):
    assert not has_left(any_connection.server.fileno())


def test_a_client_who_has_sent_more_is_there(any_connection):
    any_connection.client_sends(b"GET /next HTTP/1.1\r\n\r\n")
    assert not has_left(any_connection.server.fileno())


def test_a_client_who_reads_nothing_is_there(connection):
    connection.fill()
    assert not has_left(connection.server.fileno())


@pytest.mark.parametrize("leaves", ["client_closes", "client_resets"])
def test_a_client_who_closes_or_resets_has_left(any_connection, leaves):
    getattr(any_connection, leaves)()
    wait_until_left(any_connection.server)


def test_a_client_has_left_behind_data_that_nobody_read(any_connection):
    any_connection.client_sends(b"the rest of a body")
    any_connection.client_closes()
    wait_until_left(any_connection.server)


def test_a_client_who_never_reads_and_resets_has_left(connection):
    connection.fill()
    connection.client_resets()
    wait_until_left(connection.server)


def test_who_has_closed_the_sending_side_counts_as_gone(connection):
    connection.client.shutdown(socket.SHUT_WR)
    wait_until_left(connection.server)


def test_a_descriptor_that_is_closed_is_nobody_s():
    with Connection() as connection:
        descriptor = connection.server.fileno()
    assert has_left(descriptor)


def test_the_server_of_who_has_left_finds_a_broken_pipe_whatever_the_reason(connection):
    connection.client_resets()
    wait_until_left(connection.server)
    with pytest.raises(BrokenPipeError):
        connection.server.send(b"more")


def test_a_proxy_on_this_machine_leaves_a_unix_socket_as_well():
    server, proxy = socket.socketpair()
    with server:
        assert not has_left(server.fileno())
        proxy.close()
        assert has_left(server.fileno())


# What the client has yet to take.


def test_what_a_client_has_not_taken_is_counted(connection):
    assert unacked_bytes(connection.server.fileno()) == 0
    connection.fill()
    assert unacked_bytes(connection.server.fileno()) > 0


def test_of_a_socket_that_was_closed_nothing_is_counted(connection):
    descriptor = connection.server.fileno()
    connection.server.close()
    assert unacked_bytes(descriptor) is None


# A client that is gone without a word: a laptop that was closed, a cable that was pulled.


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


# Cutting a connection.


def test_a_cut_is_a_reset_behind_what_has_arrived(any_connection):
    any_connection.server.sendall(b"half")
    assert any_connection.client.recv(4) == b"half"
    cut(any_connection.server.fileno())
    with pytest.raises(ConnectionResetError):
        socket.socket.recv(any_connection.client, 1)  # under TLS, too


def test_who_has_closed_the_sending_side_is_reset_too(connection):
    connection.client.shutdown(socket.SHUT_WR)
    wait_until_left(connection.server)
    cut(connection.server.fileno())
    with pytest.raises(ConnectionResetError):
        connection.client.recv(1)


def test_behind_a_cut_the_server_finds_a_broken_pipe_and_nothing_to_read(connection):
    cut(connection.server.fileno())
    with pytest.raises(BrokenPipeError):
        connection.server.send(b"more")
    assert connection.server.recv(1) == b""


def test_a_cut_of_a_socket_of_the_machines_own_is_an_end():
    server, proxy = socket.socketpair()
    with server, proxy:
        cut(server.fileno())
        assert proxy.recv(1) == b""


def test_a_connection_may_end_with_a_reset_whoever_closes_it(connection):
    reset_on_close(connection.server.fileno(), True)
    connection.server.close()
    with pytest.raises(ConnectionResetError):
        connection.client.recv(1)


def test_it_may_be_let_end_well_again(connection):
    reset_on_close(connection.server.fileno(), True)
    reset_on_close(connection.server.fileno(), False)
    connection.server.close()
    assert connection.client.recv(1) == b""


def test_a_cut_frees_a_write_that_waits_for_a_frozen_reader(connection):
    connection.fill()
    failed = threading.Event()

    def write():
        with pytest.raises(OSError):
            connection.server.sendall(bytes(1 << 20))
        failed.set()

    writer = threading.Thread(target=write)
    writer.start()
    cut(connection.server.fileno())
    assert failed.wait(HANG_GUARD)
    writer.join()


def test_a_cut_leaves_the_servers_own_descriptor_to_the_server(connection):
    descriptor = connection.server.fileno()
    cut(descriptor)
    assert connection.server.fileno() == descriptor


def test_a_cut_needs_no_descriptor_of_its_own(connection):
    descriptor = connection.server.fileno()
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (1, limits[1]))
    try:
        with pytest.raises(OSError):
            os.dup(descriptor)
        cut(descriptor)
        assert has_left(descriptor)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, limits)


@pytest.mark.parametrize("leaves", ["client_closes", "client_resets"])
def test_cutting_a_connection_that_ended_is_harmless(connection, leaves):
    getattr(connection, leaves)()
    cut(connection.server.fileno())
    cut(connection.server.fileno())


# A reader who stands still.


def test_little_is_kept_for_a_reader_who_stands_still(connection):
    with Connection() as usual:
        kept_usually = usual.fill()
    limit_unsent(connection.server.fileno())
    assert connection.fill() < kept_usually / 4


def test_a_limit_leaves_the_servers_own_descriptor_to_the_server(connection):
    limit_unsent(connection.server.fileno())
    connection.server.sendall(b"one")
    assert connection.client.recv(3, socket.MSG_WAITALL) == b"one"


def test_limiting_what_is_no_network_connection_is_harmless():
    here, there = socket.socketpair()
    with here, there:
        limit_unsent(here.fileno())
        here.sendall(b"one")
        assert there.recv(3) == b"one"

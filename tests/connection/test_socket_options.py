"""The client's socket tells of a departure, is found on each server, and is the server's own."""

from __future__ import annotations

import io
import os
import resource
import socket
import threading

import pytest

from flask_llmstream.connection.socket_options import (
    client_descriptor,
    cut,
    has_left,
    limit_unsent,
    reset_on_close,
    unwritten,
)
from tests.support.connections import Channel, Connection, wait_until_left
from tests.support.runtimes import HANG_GUARD

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


# Where a server shows the client's socket.


@pytest.mark.parametrize("key", ["gunicorn.socket", "gunicorn.sock", "werkzeug.socket"])
def test_the_socket_is_found_where_the_server_puts_it(connection, key):
    assert client_descriptor({key: connection.server}) == connection.server.fileno()


def test_the_socket_is_found_behind_the_body_of_pywsgi(connection):
    class Input:
        rfile = connection.server.makefile("rb")

    with Input.rfile:
        assert client_descriptor({"wsgi.input": Input()}) == connection.server.fileno()


def test_the_socket_is_found_behind_the_body_of_an_old_werkzeug(connection):
    with connection.server.makefile("rb") as body:
        assert client_descriptor({"wsgi.input": body}) == connection.server.fileno()


def test_the_socket_is_found_behind_the_callable_of_waitress(connection):
    environ = {"waitress.client_disconnected": Channel(connection).client_disconnected}
    assert client_descriptor(environ) == connection.server.fileno()


@pytest.mark.parametrize("environ", [{}, {"wsgi.input": io.BytesIO()}, {"wsgi.input": None}])
def test_a_server_may_show_nothing(environ):
    assert client_descriptor(environ) is None


def test_a_body_in_a_file_is_no_client(tmp_path):
    path = tmp_path / "body"
    path.write_bytes(b"{}")
    with path.open("rb") as body:
        assert client_descriptor({"wsgi.input": body}) is None


def test_a_socket_that_is_closed_is_no_client():
    with Connection() as connection:
        environ = connection.environ
    assert client_descriptor(environ) is None


@pytest.mark.parametrize("protocol", ["HTTP/2", "HTTP/2.0"])
def test_a_connection_that_many_requests_share_is_not_one_clients(connection, protocol):
    environ = dict(connection.environ, SERVER_PROTOCOL=protocol)
    assert client_descriptor(environ) is None


@pytest.mark.parametrize("protocol", ["HTTP/1.0", "HTTP/1.1"])
def test_a_connection_of_http_1_is_one_clients(connection, protocol):
    environ = dict(connection.environ, SERVER_PROTOCOL=protocol)
    assert client_descriptor(environ) == connection.server.fileno()


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


def test_waitress_keeps_what_it_has_yet_to_write(connection):
    channel = Channel(connection)
    channel.total_outbufs_len = 7
    assert unwritten({"waitress.client_disconnected": channel.client_disconnected}) == 7
    assert unwritten(connection.environ) == 0


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

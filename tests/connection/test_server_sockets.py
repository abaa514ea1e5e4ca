"""The client's socket is found on each server that shows it."""

from __future__ import annotations

import io

import pytest

from flask_llmstream.connection.servers import client_socket, descriptor_of, unwritten
from flask_llmstream.wsgi.request_body import ServerInput
from tests.support.connections import Channel, Connection


@pytest.mark.parametrize("key", ["gunicorn.socket", "gunicorn.sock", "werkzeug.socket"])
def test_the_socket_is_found_where_the_server_puts_it(connection, key):
    assert descriptor_of(client_socket({key: connection.server})) == connection.server.fileno()


def test_the_socket_is_found_behind_the_body_of_pywsgi(connection):
    class Input:
        rfile = connection.server.makefile("rb")

    with Input.rfile:
        assert descriptor_of(client_socket({"wsgi.input": Input()})) == connection.server.fileno()


def test_the_socket_is_found_behind_an_input_that_the_middleware_watches(connection):
    class Input:
        rfile = connection.server.makefile("rb")

    with Input.rfile:
        for server_input in (Input(), Input.rfile):
            environ = {"wsgi.input": ServerInput(server_input, 2)}
            assert descriptor_of(client_socket(environ)) == connection.server.fileno()


def test_the_socket_is_found_behind_the_body_of_an_old_werkzeug(connection):
    with connection.server.makefile("rb") as body:
        assert descriptor_of(client_socket({"wsgi.input": body})) == connection.server.fileno()


def test_the_socket_is_found_behind_the_callable_of_waitress(connection):
    environ = {"waitress.client_disconnected": Channel(connection).client_disconnected}
    assert descriptor_of(client_socket(environ)) == connection.server.fileno()


@pytest.mark.parametrize("environ", [{}, {"wsgi.input": io.BytesIO()}, {"wsgi.input": None}])
def test_a_server_may_show_nothing(environ):
    assert client_socket(environ) is None


def test_a_body_in_a_file_is_no_client(tmp_path):
    path = tmp_path / "body"
    path.write_bytes(b"{}")
    with path.open("rb") as body:
        assert client_socket({"wsgi.input": body}) is None


def test_a_socket_that_is_closed_is_no_client():
    with Connection() as connection:
        environ = connection.environ
        found = client_socket(environ)
    assert client_socket(environ) is None
    assert descriptor_of(found) is None


@pytest.mark.parametrize("protocol", ["HTTP/2", "HTTP/2.0"])
def test_a_connection_that_many_requests_share_is_not_one_clients(connection, protocol):
    environ = dict(connection.environ, SERVER_PROTOCOL=protocol)
    assert client_socket(environ) is None


@pytest.mark.parametrize("protocol", ["HTTP/1.0", "HTTP/1.1"])
def test_a_connection_of_http_1_is_one_clients(connection, protocol):
    environ = dict(connection.environ, SERVER_PROTOCOL=protocol)
    assert descriptor_of(client_socket(environ)) == connection.server.fileno()


def test_waitress_keeps_what_it_has_yet_to_write(connection):
    channel = Channel(connection)
    channel.total_outbufs_len = 7
    assert unwritten({"waitress.client_disconnected": channel.client_disconnected}) == 7
    assert unwritten(connection.environ) == 0

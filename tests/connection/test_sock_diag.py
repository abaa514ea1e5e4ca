"""The kernel reports the state of a connection that another process holds."""

from __future__ import annotations

import socket

import pytest

from flask_llmstream.connection.sock_diag import (
    CLOSE_WAIT,
    ESTABLISHED,
    NONE,
    connection_state,
    departure_by_addresses,
    keep_scope,
)
from tests.support.connections import cgi_environ

NOBODY = ("192.0.2.1", 9)
"""An address for documentation: no connection leads there (RFC 5737)."""


@pytest.fixture(params=["127.0.0.1", "::1"])
def ends(request):
    """A listener, and both ends of a connection to it."""
    family = socket.AF_INET6 if ":" in request.param else socket.AF_INET
    with socket.socket(family) as listener:
        listener.bind((request.param, 0))
        listener.listen(1)
        with socket.create_connection(listener.getsockname()[:2]) as client:
            server, _ = listener.accept()
            with server:
                yield listener, server, client


def state_of(ends):
    _, server, client = ends
    return connection_state(server.getsockname()[:2], client.getsockname()[:2])


def wait_until_closed_here(server):
    """Wait until a FIN or RST has arrived over loopback."""
    try:
        assert server.recv(1) == b""
    except ConnectionResetError:
        pass


def test_an_open_connection_is_established(ends):
    assert state_of(ends) == ESTABLISHED


def test_a_connection_that_the_other_side_closed_waits_to_be_closed(ends):
    _, server, client = ends
    asked = server.getsockname()[:2], client.getsockname()[:2]
    client.close()
    wait_until_closed_here(server)
    assert connection_state(*asked) == CLOSE_WAIT


def test_a_connection_that_was_reset_is_none(ends):
    listener, server, client = ends
    asked = server.getsockname()[:2], client.getsockname()[:2]
    listener.close()
    client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    client.close()
    wait_until_closed_here(server)
    assert connection_state(*asked) == NONE


def test_a_listener_is_not_taken_for_a_connection_that_was_reset(ends):
    _, server, client = ends
    asked = server.getsockname()[:2], client.getsockname()[:2]
    client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    client.close()
    wait_until_closed_here(server)
    assert connection_state(*asked) not in (ESTABLISHED, CLOSE_WAIT)


def test_a_listener_for_both_versions_is_asked_by_the_addresses_it_tells():
    with socket.socket(socket.AF_INET6) as listener:
        listener.bind(("::", 0))
        listener.listen(1)
        with socket.create_connection(("127.0.0.1", listener.getsockname()[1])) as client:
            server, _ = listener.accept()
            with server:
                assert connection_state(client.getpeername(), client.getsockname()) == ESTABLISHED


@pytest.mark.parametrize(
    "remote", [("nobody", 9), ("127.0.0.1", 70000), ("127.0.0.1\0", 9), ("::1", 9), ("", 9)]
)
def test_what_is_no_address_of_its_kind_can_not_be_asked(remote):
    assert connection_state(("127.0.0.1", 9), remote) is None


def test_a_departure_is_told_by_the_addresses(connection):
    left = departure_by_addresses(cgi_environ(connection))
    assert left() is False
    connection.client_closes()
    wait_until_closed_here(connection.server)
    assert left() is True


def test_who_left_before_the_first_look_has_left(connection):
    environ = cgi_environ(connection)
    connection.client_closes()
    wait_until_closed_here(connection.server)
    assert departure_by_addresses(environ)() is True


def test_apache_is_believed_about_its_port_only_as_far_as_it_knows(connection):
    environ = cgi_environ(connection)
    listener_port = environ["SERVER_PORT"]
    environ["SERVER_PORT"] = "80"  # from the Host header
    assert departure_by_addresses(environ) is None
    environ["mod_wsgi.listener_port"] = listener_port
    assert departure_by_addresses(environ)() is False


def test_what_proxy_fix_has_put_in_the_place_of_an_address_does_not_count(connection):
    environ = cgi_environ(connection)
    environ["werkzeug.proxy_fix.orig"] = {"REMOTE_ADDR": environ["REMOTE_ADDR"]}
    environ["REMOTE_ADDR"] = NOBODY[0]
    assert departure_by_addresses(environ)() is False


@pytest.mark.parametrize("name", ["SERVER_ADDR", "SERVER_PORT", "REMOTE_ADDR", "REMOTE_PORT"])
def test_without_all_addresses_nothing_can_be_told(connection, name):
    environ = cgi_environ(connection)
    del environ[name]
    assert departure_by_addresses(environ) is None


def test_addresses_that_lead_to_no_connection_tell_nothing(connection):
    environ = {**cgi_environ(connection), "REMOTE_ADDR": NOBODY[0]}
    assert departure_by_addresses(environ) is None


# What a bridge from ASGI tells.


def scope_of(connection, **changes):
    """A scope as ASGI servers make it, with both addresses of the socket."""
    server = connection.client.getpeername()[:2]
    return {"client": connection.client.getsockname()[:2], "server": server, **changes}


def test_an_asgi_server_s_scope_has_the_addresses(connection):
    left = departure_by_addresses({"asgi.scope": scope_of(connection)})
    assert left() is False
    connection.client_closes()
    wait_until_closed_here(connection.server)
    assert left() is True


def test_they_are_the_socket_s_own_whatever_a_proxy_fix_has_made_of_it(connection):
    rewritten = {**cgi_environ(connection), "REMOTE_ADDR": NOBODY[0], "SERVER_PORT": "443"}
    environ = {**rewritten, "asgi.scope": scope_of(connection)}
    assert departure_by_addresses(environ)() is False


@pytest.mark.parametrize(
    "changes",
    [
        {"client": None},
        {"client": ("127.0.0.1", 0)},  # uvicorn's, from X-Forwarded-For
        {"client": ("", None)},
        {"server": ("/run/app.sock", None)},
        {"client": None, "server": None},
    ],
)
def test_a_scope_without_both_ends_tells_nothing(connection, changes):
    assert departure_by_addresses({"asgi.scope": scope_of(connection, **changes)}) is None


def test_a_server_that_is_named_by_its_address_is_asked_for_by_that(connection):
    environ = cgi_environ(connection)
    environ["SERVER_NAME"] = environ.pop("SERVER_ADDR")
    assert departure_by_addresses(environ)() is False


@pytest.mark.parametrize("here", ["::ffff:127.0.0.1", "127.0.0.1"])
@pytest.mark.parametrize("there", ["::FFFF:127.0.0.1", "127.0.0.1"])
def test_a_socket_for_both_versions_may_tell_either_address(connection, here, there):
    environ = {**cgi_environ(connection), "SERVER_ADDR": here, "REMOTE_ADDR": there}
    assert departure_by_addresses(environ)() is False


def test_a_connection_to_a_listener_for_both_versions_is_found():
    with socket.socket(socket.AF_INET6) as listener:
        listener.bind(("::", 0))
        listener.listen(1)
        with socket.create_connection(("127.0.0.1", listener.getsockname()[1])) as client:
            server, _ = listener.accept()
            with server:
                ends = {"client": server.getpeername()[:2], "server": server.getsockname()[:2]}
                left = departure_by_addresses({"asgi.scope": ends})
                assert left() is False
                client.close()
                wait_until_closed_here(server)
                assert left() is True


class Bridge:
    """Keeps its scope as the bridges of asgiref, uvicorn and starlette do."""

    def __init__(self, scope):
        self.scope = scope

    def start_response(self, status, headers, exc_info=None):
        """As a bridge calls it."""


def test_a_bridge_that_keeps_its_scope_to_itself_is_asked_for_it(connection):
    scope, environ = scope_of(connection), {}
    keep_scope(environ, Bridge(scope).start_response)
    assert environ == {"asgi.scope": scope}


def test_a_scope_that_a_bridge_shows_is_left_alone():
    environ = {"asgi.scope": "shown"}
    keep_scope(environ, Bridge({"client": None}).start_response)
    assert environ == {"asgi.scope": "shown"}


@pytest.mark.parametrize("start_response", [print, Bridge("of nothing").start_response, None])
def test_other_servers_have_no_scope(start_response):
    environ = {}
    keep_scope(environ, start_response)
    assert environ == {}

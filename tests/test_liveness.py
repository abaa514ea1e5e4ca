"""A client who leaves is noticed at once, also while nothing is sent, and nobody else is."""

from __future__ import annotations

import io
import os
import resource
import select
import socket
import threading

import gevent
import pytest

from flask_llmstream.liveness import (
    POLL_SECONDS,
    HubWatch,
    SocketWatch,
    client_descriptor,
    cut,
    has_left,
    limit_unsent,
    watch,
)
from flask_llmstream.timers import HubTimer, TimerThread
from tests.connections import Connection, TLSConnection
from tests.manual_timers import ManualSchedule
from tests.places import GREENLETS, HANG_GUARD, THREADS, only

both_kinds = only(GREENLETS, THREADS)
on_the_hub = only(GREENLETS)


@pytest.fixture(params=[Connection, TLSConnection], ids=["plain", "TLS"])
def any_connection(request):
    with request.param() as connection:
        yield connection


@pytest.fixture
def connection():
    with Connection() as connection:
        yield connection


@pytest.fixture
def kind(place):
    """How a socket is watched here."""
    return HubWatch if place is GREENLETS else SocketWatch


@pytest.fixture
def schedule(place):
    return HubTimer if place is GREENLETS else TimerThread().schedule


def never_gone():
    raise AssertionError("the client is there")


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


def wait_until_left(server):
    """Wait for the kernel, which hands a departure over loopback in its own short time."""
    poll = select.poll()
    poll.register(server, select.POLLRDHUP)
    poll.poll(HANG_GUARD * 1000)
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


# Being told.


@both_kinds
@pytest.mark.parametrize("leaves", ["client_closes", "client_resets"])
def test_a_departure_is_told(place, any_connection, kind, schedule, leaves):
    gone = place.for_reader()
    watching = watch(any_connection.environ, gone.set, schedule, kind)
    getattr(any_connection, leaves)()
    gone.wait()
    watching.stop()


@both_kinds
def test_a_departure_before_the_watch_is_told(place, connection, kind, schedule):
    connection.client_closes()
    gone = place.for_reader()
    watching = watch(connection.environ, gone.set, schedule, kind)
    gone.wait()
    watching.stop()


@both_kinds
def test_a_departure_behind_data_is_told(place, any_connection, kind, schedule):
    gone = place.for_reader()
    watching = watch(any_connection.environ, gone.set, schedule, kind)
    any_connection.client_sends(b"GET /next HTTP/1.1\r\n\r\n")
    any_connection.client_closes()
    gone.wait()
    watching.stop()


@both_kinds
def test_a_departure_is_told_once(place, connection, kind):
    told, schedule = [], ManualSchedule()
    watching = watch(connection.environ, lambda: told.append(True), schedule, kind)
    connection.client_closes()
    run_the_hub_or_fire(place, schedule)
    assert told == [True]
    assert schedule.waiting == []
    watching.stop()


@both_kinds
def test_who_stopped_is_told_nothing_and_leaves_nothing(place, connection, kind):
    schedule = ManualSchedule()
    watching = watch(connection.environ, never_gone, schedule, kind)
    watching.stop()
    connection.client_closes()
    assert schedule.waiting == []


@on_the_hub
def test_the_hub_keeps_nothing_of_a_watch_that_was_stopped(connection):
    active = gevent.get_hub().loop.activecnt
    watching = watch(connection.environ, never_gone, ManualSchedule(), HubWatch)
    assert gevent.get_hub().loop.activecnt == active + 1
    watching.stop()
    assert gevent.get_hub().loop.activecnt == active


@both_kinds
def test_stopping_again_is_harmless(connection, kind, schedule):
    watching = watch(connection.environ, never_gone, schedule, kind)
    watching.stop()
    watching.stop()


def run_the_hub_or_fire(place, schedule):
    if place is GREENLETS:
        gevent.idle()
    else:
        schedule.fire()


@on_the_hub
def test_data_does_not_keep_the_hub_busy(connection):
    schedule, active = ManualSchedule(), gevent.get_hub().loop.activecnt
    watching = watch(connection.environ, never_gone, schedule, HubWatch)
    connection.client_sends(b"GET /next HTTP/1.1\r\n\r\n")
    gevent.idle()
    assert gevent.get_hub().loop.activecnt == active, "it is looked at by the timers now"
    assert [timer.seconds for timer in schedule.waiting] == [POLL_SECONDS]
    watching.stop()
    assert schedule.waiting == []


@on_the_hub
def test_behind_data_each_look_schedules_the_next_until_the_client_leaves(connection):
    told, schedule = [], ManualSchedule()
    watching = watch(connection.environ, lambda: told.append(True), schedule, HubWatch)
    connection.client_sends(b"GET /next HTTP/1.1\r\n\r\n")
    gevent.idle()
    schedule.fire()
    schedule.fire()
    assert told == []
    connection.client_closes()
    wait_until_left(connection.server)
    schedule.fire()
    assert told == [True]
    assert schedule.waiting == []
    watching.stop()


def test_waitress_is_asked_by_its_own_callable():
    left, told, schedule = [], [], ManualSchedule()
    environ = {"waitress.client_disconnected": lambda: bool(left)}
    watch(environ, lambda: told.append(True), schedule, SocketWatch)
    schedule.fire()
    assert told == []
    left.append(True)
    schedule.fire()
    assert told == [True]
    assert schedule.waiting == []


def test_a_stop_that_comes_during_a_look_leaves_no_timer():
    schedule = ManualSchedule()
    environ = {"waitress.client_disconnected": lambda: watching.stop()}
    watching = watch(environ, never_gone, schedule, SocketWatch)
    schedule.fire()
    assert schedule.waiting == []


def test_nothing_is_watched_where_the_server_shows_nothing():
    schedule = ManualSchedule()
    watching = watch({}, never_gone, schedule, SocketWatch)
    watching.stop()
    assert schedule.waiting == []


# Cutting a connection.


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

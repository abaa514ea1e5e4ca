"""A client that leaves is noticed at once, also while nothing is sent."""

from __future__ import annotations

import gevent
import pytest

from flask_llmstream.connection import disconnect
from flask_llmstream.connection.disconnect import POLL_SECONDS
from flask_llmstream.connection.servers import client_socket
from flask_llmstream.runtime.runtime import runtime_for
from flask_llmstream.runtime.timers import HubTimer, TimerThread
from tests.support.connections import Channel, cgi_environ, wait_until_left
from tests.support.manual_timers import ManualSchedule
from tests.support.runtimes import GREENLETS, THREADS, only

both_kinds = only(GREENLETS, THREADS)
on_the_hub = only(GREENLETS)


def watch(environ, gone, schedule, on_hub=False):
    """Watch the client of a request, on the timers of a test."""
    runtime = runtime_for("auto")._replace(schedule=schedule, is_on_hub=on_hub)
    return disconnect.watch(environ, client_socket(environ), gone, runtime)


@pytest.fixture
def on_hub(place):
    """Whether the reader waits through the hub here."""
    return place is GREENLETS


@pytest.fixture
def schedule(place):
    return HubTimer if place is GREENLETS else TimerThread().schedule


def never_gone():
    raise AssertionError("the client is there")


@both_kinds
@pytest.mark.parametrize("leaves", ["client_closes", "client_resets"])
def test_a_departure_is_told(place, any_connection, on_hub, schedule, leaves):
    gone = place.for_reader()
    watching = watch(any_connection.environ, gone.set, schedule, on_hub)
    getattr(any_connection, leaves)()
    gone.wait()
    watching.stop()


@both_kinds
def test_a_departure_before_the_watch_is_told(place, connection, on_hub, schedule):
    connection.client_closes()
    gone = place.for_reader()
    watching = watch(connection.environ, gone.set, schedule, on_hub)
    gone.wait()
    watching.stop()


@both_kinds
def test_a_departure_behind_data_is_told(place, any_connection, on_hub, schedule):
    gone = place.for_reader()
    watching = watch(any_connection.environ, gone.set, schedule, on_hub)
    any_connection.client_sends(b"GET /next HTTP/1.1\r\n\r\n")
    any_connection.client_closes()
    gone.wait()
    watching.stop()


@both_kinds
def test_a_departure_is_told_once(place, connection, on_hub):
    told, schedule = [], ManualSchedule()
    watching = watch(connection.environ, lambda: told.append(True), schedule, on_hub)
    connection.client_closes()
    run_the_hub_or_fire(place, schedule)
    assert told == [True]
    assert schedule.waiting == []
    watching.stop()


@both_kinds
def test_who_stopped_is_told_nothing_and_leaves_nothing(place, connection, on_hub):
    schedule = ManualSchedule()
    watching = watch(connection.environ, never_gone, schedule, on_hub)
    watching.stop()
    connection.client_closes()
    assert schedule.waiting == []


@on_the_hub
def test_the_hub_keeps_nothing_of_a_watch_that_was_stopped(connection):
    active = gevent.get_hub().loop.activecnt
    watching = watch(connection.environ, never_gone, ManualSchedule(), on_hub=True)
    assert gevent.get_hub().loop.activecnt == active + 1
    watching.stop()
    assert gevent.get_hub().loop.activecnt == active


@both_kinds
def test_stopping_again_is_harmless(connection, on_hub, schedule):
    watching = watch(connection.environ, never_gone, schedule, on_hub)
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
    watching = watch(connection.environ, never_gone, schedule, on_hub=True)
    connection.client_sends(b"GET /next HTTP/1.1\r\n\r\n")
    gevent.idle()
    assert gevent.get_hub().loop.activecnt == active, "it is looked at by the timers now"
    assert [timer.seconds for timer in schedule.waiting] == [POLL_SECONDS]
    watching.stop()
    assert schedule.waiting == []


@on_the_hub
def test_behind_data_each_look_schedules_the_next_until_the_client_leaves(connection):
    told, schedule = [], ManualSchedule()
    watching = watch(connection.environ, lambda: told.append(True), schedule, on_hub=True)
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
    watch(environ, lambda: told.append(True), schedule)
    schedule.fire()
    assert told == []
    left.append(True)
    schedule.fire()
    assert told == [True]
    assert schedule.waiting == []


@pytest.mark.parametrize("leaves", ["client_closes", "client_resets"])
def test_a_departure_from_waitress_is_told_by_its_socket(connection, leaves):
    told, schedule = [], ManualSchedule()
    environ = {"waitress.client_disconnected": Channel(connection).client_disconnected}
    watch(environ, lambda: told.append(True), schedule)
    schedule.fire()
    assert told == []
    getattr(connection, leaves)()
    wait_until_left(connection.server)
    schedule.fire()
    assert told == [True]


def test_a_socket_that_waitress_has_closed_is_a_departure(connection):
    told, schedule = [], ManualSchedule()
    environ = {"waitress.client_disconnected": Channel(connection).client_disconnected}
    watch(environ, lambda: told.append(True), schedule)
    connection.server.close()
    schedule.fire()
    assert told == [True]


@pytest.mark.parametrize("leaves", ["client_closes", "client_resets"])
def test_where_no_socket_is_shown_the_connections_addresses_tell(connection, leaves):
    told, schedule = [], ManualSchedule()
    watch(cgi_environ(connection), lambda: told.append(True), schedule, on_hub=True)
    schedule.fire()
    assert told == []
    getattr(connection, leaves)()
    wait_until_left(connection.server)
    schedule.fire()
    assert told == [True]
    assert schedule.waiting == []


def test_a_stop_that_comes_during_a_look_leaves_no_timer():
    schedule = ManualSchedule()
    environ = {"waitress.client_disconnected": lambda: watching.stop()}
    watching = watch(environ, never_gone, schedule)
    schedule.fire()
    assert schedule.waiting == []


def test_nothing_is_watched_where_the_server_shows_nothing():
    schedule = ManualSchedule()
    watching = watch({}, never_gone, schedule)
    watching.stop()
    assert schedule.waiting == []

"""The limits of the servers themselves."""

from __future__ import annotations

import socket

import pytest

from tests.support.relay import Model, reading
from tests.support.servers import (
    FLASK,
    GTHREAD,
    GUNICORN,
    HANG_GUARD,
    MOD_WSGI,
    SYNC,
    UWSGI,
    UWSGI_GEVENT,
    WAITRESS,
    Server,
    running,
)

A_WHILE = 0.5
"""Seconds. An event that has not happened by then is taken to wait for something."""

ONE_AT_A_TIME = [
    SYNC,
    GTHREAD._replace(command=f"{GUNICORN} -k gthread --threads 1 {{app}}"),
    Server("flask run, one thread", f"{FLASK} --without-threads", False),
    Server("waitress", f"{WAITRESS} --threads 1 {{app}}", False),
    Server("uWSGI", f"{UWSGI} --enable-threads --module {{app}}", False),
    MOD_WSGI,
]
BOUNDED = [
    SYNC._replace(command=f"{GUNICORN} --timeout 1 {{app}}"),
    Server("uWSGI", f"{UWSGI} --threads 2 --harakiri 1 --module {{app}}", False),
    Server("uWSGI gevent", f"{UWSGI_GEVENT} --harakiri 1", True),
    MOD_WSGI,
]
UNBOUNDED = [
    Server(f"gunicorn {kind}", f"{GUNICORN} -k {kind} --timeout 1 {{app}}", kind != "gthread")
    for kind in ("gevent", "gevent_pywsgi", "gthread")
]
IMPATIENT = [
    Server("uWSGI", f"{UWSGI} --threads 2 --socket-timeout 1 --module {{app}}", False),
    MOD_WSGI,
]


def each(servers):
    return pytest.mark.parametrize("server", servers, ids=lambda server: server.name)


@pytest.fixture
def model():
    with Model() as model:
        yield model


@each(ONE_AT_A_TIME)
def test_who_comes_past_the_last_thread_waits_until_a_stream_ends(server, model):
    with running(server, UPSTREAM=model.url, DAEMON="threads=1") as live:
        with reading(live, "count") as first:
            assert model.called.wait(HANG_GUARD)
            model.called.clear()
            with reading(live, "say a word") as second:
                assert not model.called.wait(A_WHILE)
                for _ in range(3):
                    model.gate.release()
                first.read_until(b'"reason":"complete"')
                first.close()
                second.read_until(b"word")


@pytest.mark.thorough
@each(BOUNDED)
def test_a_server_that_bounds_requests_cuts_a_stream_without_an_end(server, model):
    daemon = "threads=1 request-timeout=1"
    with running(server, UPSTREAM=model.url, DAEMON=daemon) as live:
        with reading(live, "say a word", heartbeat=0.1) as reader:
            answer = reader.read_until_cut()
    assert b"word" in answer
    assert b'"ended":true' not in answer


@pytest.mark.thorough
@each(UNBOUNDED)
def test_gunicorns_timeout_is_no_limit_to_a_stream_beside_others(server, model):
    with running(server, UPSTREAM=model.url) as live:
        with reading(live, "count", heartbeat=0.1) as reader:
            for _ in range(30):
                reader.read_until(b": \n")
            for _ in range(3):
                model.gate.release()
            reader.read_until(b'"reason":"complete"')


@pytest.mark.thorough
@each(IMPATIENT)
def test_a_server_may_have_less_patience_with_a_reader_who_takes_nothing(server):
    with running(server, DAEMON="threads=2 response-socket-timeout=1") as live:
        with socket.create_connection(("127.0.0.1", live.port)) as connection:
            connection.sendall(b"GET /flood?send_timeout=300 HTTP/1.1\r\nHost: localhost\r\n\r\n")
            assert live.closed()

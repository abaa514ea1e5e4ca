"""The middleware on real servers: event streams made by hand, and all other responses."""

from __future__ import annotations

import os
import pathlib
import signal
import socket
import threading

import pytest

from tests.live_apps import __file__ as live_apps
from tests.support import servers
from tests.support.servers import running

WRAPPED = ("wrapped", "wrapped_patched")
DRAINING = "--graceful-timeout 4 -c tests/live_apps/gunicorn_conf.py {app}"
COMMENT = b": "


def wrapped(server):
    """The server with the wrapped application, and the line of config that drains it."""
    command = server.command.replace("tests.live_apps.pywsgi", "tests.live_apps.wrapped_patched")
    if "gunicorn" in command:
        command = command.replace("{app}", DRAINING)
    return server._replace(command=command, modules=WRAPPED)


SERVERS = [wrapped(server) for server in servers.SERVERS]
DRAINED = [server for server in SERVERS if "graceful-timeout" in server.command]


@pytest.fixture(scope="module", params=SERVERS, ids=lambda server: server.name)
def setup(request):
    with running(request.param) as live:
        yield request.param, live


@pytest.fixture
def live(setup):
    """The server. After each test all slots are free."""
    live = setup[1]
    live.post("/forget")
    yield live
    pause = threading.Event()
    for _ in range(200):
        if live.get("/wrapped/taken") == {"taken": 0}:
            return
        pause.wait(0.05)
    raise AssertionError("slots are still taken")


@pytest.fixture
def greenlets(setup):
    return setup[0].greenlets


def was_closed(live, greenlets):
    """On greenlets the generator is closed where it waits, on a thread at its next block."""
    if greenlets:
        return live.closed()
    for _ in range(100):
        live.release("unheard")
        if live.closed(seconds=0.2):
            return True
    return False


def events(reader):
    """The events that come, without heartbeats."""
    return [block for block in reader.blocks() if block != COMMENT]


def test_heartbeats_come_before_the_first_block_and_after_it(live):
    with live.request("GET", "/wrapped/gated") as reader:
        assert [reader.block() for _ in range(3)] == [COMMENT] * 3
        live.release("one")
        while reader.block() == COMMENT:
            pass
        assert [reader.block() for _ in range(3)] == [COMMENT] * 3
        live.release("end")
        assert events(reader) == []


def test_each_block_arrives_before_the_next_is_made(live):
    with live.request("GET", "/wrapped/gated") as reader:
        for token in ("one", "two"):
            live.release(token)
            block = next(block for block in iter(reader.block, b"") if block != COMMENT)
            assert block == b"data: /wrapped/gated " + token.encode()
        live.release("end")
        assert events(reader) == []


def test_a_reader_who_leaves_ends_a_silent_generator(live, greenlets):
    with live.request("GET", "/wrapped/gated") as reader:
        reader.block()
        assert live.entered()
    assert was_closed(live, greenlets)


def test_a_reader_who_never_reads_is_cut_off(live):
    with socket.create_connection(("127.0.0.1", live.port)) as connection:
        connection.sendall(b"GET /wrapped/flood HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert live.closed()


def test_a_failure_midway_is_an_error_event(live):
    with live.request("GET", "/wrapped/broken") as reader:
        first, last = events(reader)
    assert first == b"data: one"
    assert last.startswith(b"event: error\ndata: ")


def test_a_download_is_whole_and_its_connection_serves_the_next(live):
    expected = "".join(f"{number},/wrapped/csv\n" for number in range(1000)).encode()
    for _ in range(2):
        with live.request("GET", "/wrapped/csv") as reader:
            assert reader.response.read() == expected


def test_a_file_is_whole(live):
    with live.request("GET", "/wrapped/file") as reader:
        content = reader.response.read()
    assert content == pathlib.Path(live_apps).with_name("wrapped.py").read_bytes()


def test_a_head_request_has_no_body_and_starts_nothing(live):
    with live.request("HEAD", "/wrapped/gated") as reader:
        assert reader.response.getheader("Content-Type").startswith("text/event-stream")
        assert reader.response.read() == b""


@pytest.mark.parametrize("server", DRAINED, ids=lambda server: server.name)
def test_sigterm_ends_open_streams_with_an_error_and_then_the_server(server):
    with running(server) as live:
        with live.request("GET", "/wrapped/gated") as reader:
            reader.block()
            os.kill(live.pid, signal.SIGTERM)
            (last,) = events(reader)
        assert b'"code":"shutdown"' in last
        assert live.ended()

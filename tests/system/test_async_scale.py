"""A hundred asynchronous streams at a time, and how many native threads they need."""

from __future__ import annotations

import http.client
from contextlib import ExitStack

import pytest

from tests.support.servers import HANG_GUARD, Server, serving

READERS = 100
APP = "tests.live_apps.asynchronous"
PYWSGI = Server("gevent.pywsgi", f"-m {APP}_patched {{port}}", True)
GUNICORN = Server(
    "gunicorn gevent, preloaded",
    f"-m gunicorn -k gevent --preload -b 127.0.0.1:{{port}} --log-level warning {APP}_patched:app",
    True,
)
THREADS = Server("flask run, threads", "-m flask run --port {port}", False)


@pytest.fixture(params=[PYWSGI, GUNICORN, THREADS], ids=lambda server: server.name)
def server(request):
    return request.param


@pytest.fixture
def live(server):
    with serving(server.command, FLASK_APP=f"{APP}:app") as live:
        yield live
    assert not [line for line in live.log if "never" in line or "destroyed" in line]


def threads(live):
    return live.get("/threads")["threads"]


def open_streams(live, number, opened):
    """Open this number of readers. Each has its first item."""
    readers = [opened.enter_context(live.request("GET", "/open")) for _ in range(number)]
    for reader in readers:
        while b'"one"' not in reader.block():
            """The opening comes first."""


def test_a_hundred_streams_take_one_native_thread(live, server):
    """On a server of threads, the server itself has one thread for each reader."""
    with ExitStack() as opened:
        open_streams(live, 1, opened)  # starts the loop's thread, and on threads the timers' thread
        with_one = threads(live)
        open_streams(live, READERS, opened)
        assert threads(live) - with_one == (0 if server.greenlets else READERS)


@pytest.mark.parametrize("server", [PYWSGI, GUNICORN], indirect=True, ids=lambda one: one.name)
def test_the_first_on_greenlets_brings_the_one_thread(live, server):
    without = threads(live)
    with ExitStack() as opened:
        open_streams(live, 1, opened)
        assert threads(live) == without + 1


def test_a_hundred_readers_who_leave_cancel_a_hundred_sources(live):
    with ExitStack() as opened:
        open_streams(live, READERS, opened)
    assert live.get(f"/cancelled/{READERS}")["cancelled"] == READERS


def test_a_hundred_streams_go_on_side_by_side(live):
    connections = [
        http.client.HTTPConnection("127.0.0.1", live.port, timeout=HANG_GUARD)
        for _ in range(READERS)
    ]
    for connection in connections:
        connection.request("GET", "/count")
    for connection in connections:
        answer = connection.getresponse().read()
        connection.close()
        assert answer.count(b'message\ndata: {"ended":false') == 10
        assert answer.count(b'"reason":"complete"') == 1

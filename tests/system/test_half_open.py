"""Readers that stay but read nothing, and readers that vanish without closing the connection."""

from __future__ import annotations

import re
import shutil
import signal
import socket
import subprocess
import threading

import pytest

from flask_llmstream import EventStreamDecoder
from tests.conftest import needs
from tests.support.server_sockets import accepted
from tests.support.servers import GEVENT, HANG_GUARD, PYWSGI, THREADS, running
from tests.support.two_hosts import SERVER, TwoHosts, can_be_made

ANY = "0.0.0.0"


@pytest.fixture(params=[PYWSGI, GEVENT, THREADS], ids=lambda server: server.name)
def live(request):
    with running(request.param) as live:
        yield live


def is_noticed(live):
    """Wait until the server has noticed that a reader left."""
    pause = threading.Event()
    for _ in range(HANG_GUARD * 10):
        if live.get("/known")["finished"].get("departed"):
            return True
        pause.wait(0.1)
    return False


def ask(host, port, path):
    """A connection whose answer has begun."""
    connection = socket.create_connection((host, port), HANG_GUARD)
    connection.sendall(f"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
    assert connection.recv(1)
    return connection


# What the kernel is asked to do.


def test_the_accepted_socket_is_kept_alive_and_has_a_user_timeout(live):
    worker = live.get("/known")["pid"]
    with ask("127.0.0.1", live.port, "/steps?send_timeout=7") as client:
        try:
            server = accepted(worker, client)
        except OSError as error:
            pytest.skip(f"another process's sockets can't be seen here: {error}")
        with server:
            assert server.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)
            assert server.getsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE) == 60
            assert server.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT) == 7000


def test_the_timer_of_an_accepted_socket_runs(live):
    needs("ss", shutil.which("ss"))
    with ask("127.0.0.1", live.port, "/steps") as client:
        peer = "{}:{}".format(*client.getsockname())
        told = subprocess.run(["ss", "-tno", "dst", peer], stdout=subprocess.PIPE).stdout
    assert re.search(rb"timer:\(keepalive,\d+sec,0\)", told)


# Who is there and takes nothing.


def test_a_frozen_program_is_cut_off_and_sees_that_it_was(live, tmp_path):
    needs("curl", shutil.which("curl"))
    url = f"http://127.0.0.1:{live.port}/greedy?send_timeout=0.5"
    answer = tmp_path / "answer"
    curl = subprocess.Popen(["curl", "-sNi", "-o", str(answer), url])
    try:
        wait_until_it_reads(live)
        curl.send_signal(signal.SIGSTOP)
        assert is_noticed(live)
        curl.send_signal(signal.SIGCONT)
        ended_well = curl.wait(HANG_GUARD) == 0
        is_chunked = b"transfer-encoding: chunked" in answer.read_bytes().lower()
        assert not (is_chunked and ended_well)
        assert b'"ended":true' not in answer.read_bytes()
    finally:
        curl.kill()
        curl.wait()


def wait_until_it_reads(live):
    pause = threading.Event()
    for _ in range(HANG_GUARD * 10):
        if live.get("/known")["greedy"]:
            return
        pause.wait(0.1)


# Who is gone without a word.


@pytest.fixture
def two_hosts():
    if not can_be_made():
        pytest.skip("network namespaces are not allowed here")
    with TwoHosts() as hosts:
        yield hosts


@pytest.mark.parametrize("server", [PYWSGI, THREADS], ids=lambda server: server.name)
@pytest.mark.parametrize(
    "path",
    ["/steps?heartbeat=0.2&send_timeout=1", "/greedy?send_timeout=1"],
    ids=["heartbeats", "a flood"],
)
def test_a_reader_whose_cable_is_pulled_is_noticed(two_hosts, server, path):
    def serve_and_pull():
        with running(server, HOST=ANY, FLASK_RUN_HOST=ANY) as live:
            with two_hosts.client.call(lambda: ask(SERVER, live.port, path)):
                two_hosts.pull_the_cable()
                assert is_noticed(live)

    two_hosts.server.call(serve_and_pull)


# Who has been here for long.


def test_a_reader_of_an_old_connection_comes_back_and_has_missed_nothing(live):
    decoder, numbers, connections = EventStreamDecoder(), [], 0
    while len(numbers) < 500:
        headers = {"Last-Event-ID": decoder.last_event_id} if numbers else {}
        path = "/feed_from?max_lifetime=0.2"
        with live.request("GET", path, headers=headers) as reader:
            for block in reader.blocks():
                numbers += [int(event.data) for event in decoder.feed(block + b"\n\n")]
        connections += 1
    assert numbers == list(range(1, len(numbers) + 1))
    assert connections > 1
    assert 1000 <= decoder.retry <= 5000

"""On real servers an answer that was cut short looks cut short, for any reason and in any format.

What has words for its end says it; what has none is reset. A reader of HTTP/1.0, as nginx is one,
knows no other sign: to him the end of the connection is the end of the answer.
"""

from __future__ import annotations

import contextlib
import os
import signal
import socket
from typing import Iterator

import pytest

from tests.support.nginx import HTTP, behind_nginx
from tests.support.readers import RawReader
from tests.support.servers import GTHREAD, MOD_WSGI, PYWSGI, SERVERS, SYNC, THREADS, running

QUICK = [PYWSGI, GTHREAD]
REASONS = ["error", "timeout", "shutdown", "overflow"]
WORDLESS = ["text/plain", "application/x-ndjson"]
"""The media types that can't show a failure. A JSON array can: cut short it is no JSON."""
VERSIONS = ["1.0", "1.1"]
TELLS = {"message": b'"ended":true', "text": b"event: error", "ndjson": b'"ended":true'}


def each(servers):
    marked = [
        pytest.param(server, marks=[] if server in QUICK else pytest.mark.thorough)
        for server in servers
    ]
    return pytest.fixture(
        lambda request: (yield from live_one(request.param)),
        scope="module", params=marked, ids=lambda server: server.name,
    )  # fmt: skip


def live_one(server):
    with running(server) as live:
        yield live


live = each([*(server for server in SERVERS if server is not MOD_WSGI), SYNC])
apache = each([MOD_WSGI])


@contextlib.contextmanager
def reading(port: int, path: str, **request: str) -> Iterator[RawReader]:
    reader = RawReader(port, path, **request)
    with contextlib.closing(reader.socket):
        yield reader


def read(live, path, **request):
    with reading(live.port, path, **request) as reader:
        reader.read_to_the_end()
        return reader


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("accept", WORDLESS)
def test_what_ended_well_is_whole(live, accept, version):
    reader = read(live, "/ends/complete/accept", accept=accept, version=version)
    assert b"whole" in reader.answer
    assert reader.has_ended


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("accept", WORDLESS)
@pytest.mark.parametrize("reason", REASONS)
def test_what_has_no_words_for_its_failure_is_cut(live, reason, accept, version):
    reader = read(live, f"/ends/{reason}/accept", accept=accept, version=version)
    assert b"half " in reader.answer
    assert not reader.has_ended


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("reason", REASONS)
def test_a_json_array_that_was_cut_short_is_no_json(live, reason, version):
    reader = read(live, f"/ends/{reason}/accept", accept="application/json", version=version)
    assert b"half " in reader.answer
    assert b"]" not in reader.answer
    assert not reader.has_ended


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("format", TELLS)
@pytest.mark.parametrize("reason", REASONS)
def test_what_has_words_says_them_and_ends_well(live, reason, format, version):
    reader = read(live, f"/ends/{reason}/{format}", version=version)
    assert b"half " in reader.answer
    assert TELLS[format] in reader.answer
    assert reader.has_ended


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("format", ["message", "text", "ndjson", "accept"])
def test_a_reader_who_closes_the_sending_side_has_no_clean_end(live, format, version):
    path = f"/ends/never/{format}"
    with reading(live.port, path, version=version, accept="text/plain") as reader:
        reader.read_until(b"half ")
        reader.socket.shutdown(socket.SHUT_WR)
        reader.read_to_the_end()
    assert not reader.has_ended


@pytest.mark.parametrize("leaves", ["closes", "half-closes", "resets"])
@pytest.mark.parametrize("format", ["message", "accept"])
def test_a_departure_leaves_no_traceback_in_the_log(live, format, leaves):
    said = len(live.log)
    with reading(live.port, f"/ends/never/{format}", accept="text/plain") as reader:
        reader.read_until(b"half ")
        if leaves == "half-closes":
            reader.socket.shutdown(socket.SHUT_WR)
            reader.read_to_the_end()
        elif leaves == "resets":
            reader.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    assert live.frees_all_slots()
    assert [line for line in live.log[said:] if "Traceback" in line] == []


# Apache ends every answer well, and shows no socket to cut.


@pytest.mark.parametrize("format", TELLS)
@pytest.mark.parametrize("reason", REASONS)
def test_apache_has_words_said(apache, reason, format):
    assert TELLS[format] in read(apache, f"/ends/{reason}/{format}").answer


def test_apache_can_cut_nothing(apache):
    reader = read(apache, "/ends/error/accept", accept="text/plain")
    assert b"half " in reader.answer
    assert reader.has_ended


# Through nginx, which speaks HTTP/1.0 to a server unless it is told otherwise.


@pytest.fixture(scope="module")
def behind():
    with running(PYWSGI) as live, behind_nginx(live, HTTP) as nginx:
        yield nginx


@pytest.mark.parametrize("accept", WORDLESS)
@pytest.mark.parametrize("reason", REASONS)
def test_a_cut_is_seen_through_nginx(behind, reason, accept):
    reader = read(behind, f"/ends/{reason}/accept", accept=accept)
    assert b"half " in reader.answer
    assert not reader.has_ended


def test_an_end_is_seen_through_nginx(behind):
    reader = read(behind, "/ends/complete/accept", accept="text/plain")
    assert b"whole" in reader.answer
    assert reader.has_ended


# Killed.


@pytest.mark.parametrize("server", [PYWSGI, THREADS], ids=["gevent.pywsgi", "threads"])
def test_a_server_that_is_killed_has_ended_no_answer(server):
    with running(server) as live:
        with reading(
            live.port, "/ends/never/accept", accept="text/plain", version="1.0"
        ) as reader:
            reader.read_until(b"half ")
            os.kill(live.pid, signal.SIGKILL)
            reader.read_to_the_end()
    assert not reader.has_ended

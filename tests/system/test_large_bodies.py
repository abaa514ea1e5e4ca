"""A request of some megabytes, with nginx and without: the answer waits until all has arrived."""

from __future__ import annotations

import socket

import pytest

from tests.support.nginx import reached
from tests.support.servers import GEVENT, GTHREAD, HANG_GUARD, PYWSGI, SERVERS

SIZE = 8 * 1024 * 1024
TIMES = 5
"""Repeated, because the answer races with the body that nginx forwards."""


@pytest.fixture(scope="module", params=[GEVENT, GTHREAD, PYWSGI], ids=lambda server: server.name)
def behind_nginx(request):
    with reached(request.param, "nginx") as live:
        yield live


@pytest.mark.parametrize("path, told", [("/uploaded", SIZE), ("/unread", 0)])
def test_a_large_body_is_answered_whole_behind_nginx(behind_nginx, path, told):
    for _ in range(TIMES):
        with behind_nginx.request("POST", path, body=b"x" * SIZE, patience=10) as reader:
            answer = b"".join(reader.blocks())
        assert b'"message":"%d bytes"' % told in answer
        assert b'"reason":"complete"' in answer


@pytest.fixture(scope="module", params=SERVERS, ids=lambda server: server.name)
def live(request):
    with reached(request.param, "plain") as live:
        yield live


@pytest.mark.parametrize("path, told", [("/uploaded", SIZE), ("/unread", 0)])
def test_a_large_body_is_answered_whole_by_each_server(live, path, told):
    with live.request("POST", path, body=b"x" * SIZE) as reader:
        assert b'"message":"%d bytes"' % told in b"".join(reader.blocks())


def test_a_chat_request_that_is_too_long_is_told_so(live):
    assert status_of_too_long(live) == 413


def test_a_chat_request_that_is_too_long_is_told_so_behind_nginx(behind_nginx):
    assert {status_of_too_long(behind_nginx) for _ in range(TIMES)} == {413}


def status_of_too_long(live):
    with live.request("POST", "/v1/chat/completions", body=b"x" * SIZE) as reader:
        return reader.response.status


@pytest.mark.parametrize("server", [GEVENT, GTHREAD, PYWSGI], ids=lambda server: server.name)
def test_a_view_that_takes_the_stream_answers_while_the_rest_is_on_its_way(server):
    head = b"POST /echo HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n\r\n"
    with reached(server, "plain") as live, connected(live) as connection:
        connection.sendall(head % (2 * PART) + b"1" * PART)
        read_until(connection, b'"message":"1"')
        connection.sendall(b"2" * PART)
        read_until(connection, b'"message":"2"')


PART = 64 * 1024


def connected(live):
    return socket.create_connection(("127.0.0.1", live.port), timeout=HANG_GUARD)


def read_until(connection, awaited):
    answer = b""
    while awaited not in answer:
        piece = connection.recv(65536)
        assert piece, answer
        answer += piece

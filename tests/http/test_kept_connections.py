"""A connection is used again only if no byte of an answer can come to another call."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import threading
from contextlib import closing, suppress

import pytest

from flask_llmstream.http import idle
from flask_llmstream.http.address import address_of
from flask_llmstream.http.client import HTTPClient
from flask_llmstream.http.connecting import Sockets
from flask_llmstream.http.connection import Connection
from flask_llmstream.http.errors import CallAborted, CallFailed, CallTimedOut
from flask_llmstream.http.exchange import Exchange
from flask_llmstream.http.request import HTTPRequest
from tests.support.upstream import HANG_GUARD, HEAD, LAST_CHUNK, Upstream, answer, silence


@pytest.fixture(params=["plain", "TLS"])
def serving(request, certificate):
    """Serve a script, plain and over TLS; with a client for it."""

    def serve(script, **options):
        if request.param == "plain":
            return Upstream(script), HTTPClient(**options)
        client = HTTPClient(ca_bundle=certificate.path, **options)
        return Upstream(script, certificate.context), client

    return serve


def get(client, upstream, method="GET", body=None):
    """Make a call, and return its whole body."""
    with closing(client.call(method, upstream.url, headers={}, body=body)) as call:
        return b"".join(call.open().blocks())


def connections(upstream):
    return len({exchange.connection for exchange in upstream.requests})


def whole(exchange):
    """In one packet, which a reset behind it does not discard."""
    exchange.send("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nwhole")


def in_chunks(exchange):
    exchange.send(HEAD)
    for letter in "whole":
        exchange.send_chunk(letter)
    exchange.send(LAST_CHUNK)


@pytest.mark.parametrize("script", [whole, in_chunks])
def test_calls_share_a_connection(serving, script):
    upstream, client = serving(script)
    with upstream:
        assert [get(client, upstream) for _ in range(3)] == [b"whole"] * 3
        assert connections(upstream) == 1


def test_calls_at_the_same_time_have_a_connection_each(serving):
    both = threading.Barrier(2)

    def script(exchange):
        if len(upstream.requests) < 3:
            both.wait(HANG_GUARD)
        whole(exchange)

    upstream, client = serving(script)
    with upstream:
        threads = [threading.Thread(target=get, args=(client, upstream)) for _ in range(2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        get(client, upstream)
        assert connections(upstream) == 2


@pytest.mark.parametrize("timeout, used", [(1, 3), (60, 1)])
def test_a_connection_is_given_up_a_second_before_its_server_ends_it(serving, timeout, used):
    upstream, client = serving(answer(200, "whole", keep_alive=f"timeout={timeout}"))
    with upstream:
        assert [get(client, upstream) for _ in range(3)] == [b"whole"] * 3
        assert connections(upstream) == used


def test_a_connection_that_has_waited_too_long_is_replaced(serving, monkeypatch):
    times = [0.0]
    monkeypatch.setattr(idle, "monotonic", lambda: times[0])
    upstream, client = serving(whole)
    with upstream:
        for now, used in ((0.0, 1), (29.0, 1), (59.5, 2)):
            times[0] = now
            assert get(client, upstream) == b"whole"
            assert connections(upstream) == used


def test_of_too_many_connections_that_wait_the_oldest_is_ended(serving, monkeypatch):
    monkeypatch.setattr(idle, "MOST_IDLE", 2)
    together = threading.Barrier(3)

    def script(exchange):
        together.wait(HANG_GUARD)
        whole(exchange)

    upstream, client = serving(script)
    with upstream:
        for used in (3, 4):
            threads = [threading.Thread(target=get, args=(client, upstream)) for _ in range(3)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join(HANG_GUARD)
            assert connections(upstream) == used


ON_A_NATIVE_THREAD = """
from gevent import monkey
monkey.patch_all()
import sys, gevent
from contextlib import closing
from flask_llmstream.http.client import HTTPClient

client = HTTPClient()

def get():
    with closing(client.call("GET", sys.argv[1], headers={})) as call:
        assert b"".join(call.open().blocks()) == b"whole"

gevent.get_hub().threadpool.apply(get)
print("answered", flush=True)
sys.stdin.readline()
"""


def test_a_socket_of_another_thread_s_hub_is_not_kept():
    with Upstream(whole) as upstream:
        command = [sys.executable, "-c", ON_A_NATIVE_THREAD, upstream.url]
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
        with subprocess.Popen(command, universal_newlines=True, **pipes) as process:
            assert process.stdout.readline() == "answered\n"
            assert upstream.hung_up.wait(HANG_GUARD)
            assert process.poll() is None
            process.communicate("end\n", HANG_GUARD)
    assert process.returncode == 0


def raw(text):
    return lambda exchange: exchange.send(text)


NO_CHUNKS = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n"


@pytest.mark.parametrize(
    "script",
    [
        answer(200, b"whole", connection="close"),
        answer(200, b"whole", connection="Keep-Alive, Close"),
        answer(200, b"whole", keep_alive="timeout=1"),
        raw("HTTP/1.0 200 OK\r\nContent-Length: 5\r\nConnection: keep-alive\r\n\r\nwhole"),
        raw(f"{NO_CHUNKS}Transfer-Encoding: chunked\r\n\r\n5\r\nwhole\r\n{LAST_CHUNK}"),
        raw(f"{NO_CHUNKS}Content-Length: 5\r\n\r\nwhole"),
        raw(f"{NO_CHUNKS}a line that is no header\r\nX: y\r\n\r\nwhole"),
        raw(f"{NO_CHUNKS}\r\nwhole and more"),
        raw(f"{HEAD}5\r\nwhole\r\n{LAST_CHUNK}HTTP/1.1 200 OK\r\n"),
        raw(f"{HEAD}5\r\nwhole\n{LAST_CHUNK}"),
        raw("HTTP/1.1 204 None\r\nContent-Length: 5\r\n\r\n"),
        raw("HTTP/1.1 101 Switching\r\nConnection: upgrade\r\n\r\n"),
    ],
)
def test_a_connection_whose_answer_has_a_doubtful_end_is_not_used_again(serving, script):
    upstream, client = serving(script)
    with upstream:
        first = get(client, upstream)
        assert get(client, upstream) == first
        assert connections(upstream) == 2


@pytest.mark.parametrize("headers", ["", "Keep-Alive: timeout=5\r\n", "Connection: keep-alive\r\n"])
@pytest.mark.parametrize("trailers", ["", "X-Count: 1\r\nX: \r\n"])
def test_trailers_and_extensions_belong_to_the_answer(serving, headers, trailers):
    head = HEAD.replace("\r\n\r\n", f"\r\n{headers}\r\n")
    upstream, client = serving(raw(f'{head}5;a="b;c"\r\nwhole\r\n0;x\r\n{trailers}\r\n'))
    with upstream:
        assert [get(client, upstream) for _ in range(2)] == [b"whole"] * 2
        assert connections(upstream) == 1


def test_an_aborted_call_gives_no_connection_back(serving):
    upstream, client = serving(whole)
    with upstream:
        with closing(client.call("GET", upstream.url, headers={})) as call:
            list(call.open().blocks())
            call.abort()
        get(client, upstream)
        assert connections(upstream) == 2


def test_a_call_that_was_aborted_before_takes_no_connection(serving):
    upstream, client = serving(whole)
    with upstream:
        get(client, upstream)
        with closing(client.call("GET", upstream.url, headers={})) as call:
            call.abort()
            with pytest.raises(CallAborted):
                call.open()
        get(client, upstream)
        assert connections(upstream) == 1


def test_an_abort_after_the_call_harms_no_other_call(serving):
    upstream, client = serving(whole)
    with upstream:
        with closing(client.call("GET", upstream.url, headers={})) as first:
            list(first.open().blocks())
        with closing(client.call("GET", upstream.url, headers={})) as second:
            blocks = second.open().blocks()
            first.abort()
            assert b"".join(blocks) == b"whole"
        assert connections(upstream) == 1


def test_a_silent_call_gives_no_connection_back(serving):
    def script(exchange):
        (silence if len(upstream.requests) == 2 else whole)(exchange)

    upstream, client = serving(script, read_timeout=0.1)
    with upstream:
        get(client, upstream)
        with pytest.raises(CallTimedOut):
            get(client, upstream)
        get(client, upstream)
        assert connections(upstream) == 2


ENDS = [lambda exchange: exchange.end(), lambda exchange: exchange.reset()]


@pytest.mark.parametrize("end", ENDS, ids=["FIN", "RST"])
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_a_connection_that_was_closed_meanwhile_is_replaced(serving, end, method):
    ended = threading.Semaphore(0)

    def script(exchange):
        whole(exchange)
        end(exchange)
        ended.release()

    upstream, client = serving(script)
    with upstream:
        for _ in range(3):
            assert get(client, upstream, method, b"x" * 100_000) == b"whole"
            assert ended.acquire(timeout=HANG_GUARD)
        assert connections(upstream) == len(upstream.requests) == 3


@pytest.mark.parametrize("end", ENDS, ids=["FIN", "RST"])
def test_a_request_that_meets_the_end_of_its_connection_is_sent_again_once(serving, end):
    def script(exchange):
        if exchange.number_on_connection == 2:
            end(exchange)
        else:
            whole(exchange)

    upstream, client = serving(script)
    with upstream:
        for _ in range(2):
            assert get(client, upstream, "POST", b"question") == b"whole"
        assert [exchange.body for exchange in upstream.requests] == [b"question"] * 3
        assert connections(upstream) == 2


TOO_LATE = "HTTP/1.1 408 Request Timeout\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"


def test_an_end_may_be_told_with_status_408(serving):
    def script(exchange):
        (raw(TOO_LATE) if exchange.number_on_connection == 2 else whole)(exchange)

    upstream, client = serving(script)
    with upstream:
        assert [get(client, upstream, "POST", b"question") for _ in range(3)] == [b"whole"] * 3
        assert (connections(upstream), len(upstream.requests)) == (3, 5)


@pytest.mark.parametrize("text", [TOO_LATE, TOO_LATE.replace("close", "keep-alive")])
def test_any_other_408_is_an_answer(serving, text):
    """On a new connection, or on one that goes on."""
    upstream, client = serving(raw(text))
    with upstream:
        for _ in range(2):
            with closing(client.call("GET", upstream.url, headers={})) as call:
                answered = call.open()
                assert answered.status == 408
                answered.finish()
        assert len(upstream.requests) == 2


@pytest.mark.parametrize("end", ENDS, ids=["FIN", "RST"])
def test_a_new_connection_that_ends_is_an_error_at_once(serving, end):
    upstream, client = serving(end)
    with upstream:
        with pytest.raises(CallFailed):
            get(client, upstream)
        assert len(upstream.requests) == 1


@pytest.mark.parametrize("end", ENDS, ids=["FIN", "RST"])
def test_an_answer_that_has_begun_is_not_asked_for_again(serving, end):
    def script(exchange):
        if exchange.number_on_connection == 1:
            whole(exchange)
        else:
            exchange.send("H")
            end(exchange)

    upstream, client = serving(script)
    with upstream:
        get(client, upstream)
        with pytest.raises(CallFailed):
            get(client, upstream)
        assert len(upstream.requests) == 2


def test_bytes_that_come_while_it_waits_end_a_connection(serving):
    sent = threading.Semaphore(0)

    def script(exchange):
        whole(exchange)
        assert go_on.acquire(timeout=HANG_GUARD)
        exchange.send("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nother")
        sent.release()

    go_on = threading.Semaphore(0)
    upstream, client = serving(script)
    with upstream:
        for _ in range(2):
            assert get(client, upstream) == b"whole"
            go_on.release()
            assert sent.acquire(timeout=HANG_GUARD)
        assert connections(upstream) == 2


def test_an_answer_that_came_before_its_request_is_the_last_one():
    ours, theirs = socket.socketpair()
    with ours, theirs:
        ours.settimeout(HANG_GUARD)
        request = HTTPRequest("GET", address_of("http://a.test/"), {}, None)
        exchange = Exchange(Connection(ours, None, None), Sockets(), request, HANG_GUARD)
        theirs.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nwhole")
        exchange.begin()
        assert b"".join(exchange.blocks()) == b"whole"
        assert not exchange.is_complete


def test_the_last_chunk_may_come_after_the_reader_has_what_it_wants(serving):
    go_on = threading.Semaphore(0)

    def script(exchange):
        exchange.send(HEAD)
        exchange.send_chunk("done")
        assert go_on.acquire(timeout=HANG_GUARD)
        exchange.send(LAST_CHUNK)

    upstream, client = serving(script)
    with upstream:
        for _ in range(2):
            with closing(client.call("GET", upstream.url, headers={})) as call:
                answered = call.open()
                assert next(answered.blocks()) == b"done"
                go_on.release()
                answered.finish(HANG_GUARD)
        assert connections(upstream) == 1


def test_a_body_that_does_not_end_is_left_after_a_moment(serving):
    def script(exchange):
        exchange.send(HEAD)
        exchange.send_chunk("done")

    upstream, client = serving(script)
    with upstream:
        with closing(client.call("GET", upstream.url, headers={})) as call:
            answered = call.open()
            assert next(answered.blocks()) == b"done"
            answered.finish()
        assert upstream.hung_up.wait(HANG_GUARD)


def test_a_forgotten_client_ends_its_connections(serving):
    upstream, client = serving(whole)
    with upstream:
        get(client, upstream)
        del client
        assert upstream.hung_up.wait(HANG_GUARD)


def test_an_answer_of_kind_1xx_is_not_the_answer(serving):
    early = "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n"
    continues = "HTTP/1.1 100 Continue\r\n\r\n"
    body = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nwhole"
    upstream, client = serving(raw(continues + early * 50 + body))
    with upstream:
        assert [get(client, upstream) for _ in range(2)] == [b"whole"] * 2
        assert connections(upstream) == 1


def test_answers_of_kind_1xx_have_a_bound(serving):
    upstream, client = serving(raw("HTTP/1.1 103 Early Hints\r\n\r\n" * 101))
    with upstream, pytest.raises(CallFailed, match="1xx"):
        get(client, upstream)


def test_a_forked_process_leaves_the_connections_to_its_parent(serving):
    upstream, client = serving(whole)
    with upstream:
        get(client, upstream)
        child = os.fork()
        if not child:
            with suppress(BaseException):
                call = client.call("GET", upstream.url, headers={})
                call.abort()
                call.close()
                client = None
            os._exit(0)
        os.waitpid(child, 0)
        assert get(client, upstream) == b"whole"
        assert connections(upstream) == 1


def test_a_forked_process_makes_connections_of_its_own():
    with Upstream(whole) as upstream:
        client = HTTPClient()
        get(client, upstream)
        child = os.fork()
        if not child:
            with suppress(BaseException):
                os._exit(get(client, upstream) != b"whole")
            os._exit(2)
        assert os.waitpid(child, 0)[1] == 0
        get(client, upstream)
        assert connections(upstream) == 2


@pytest.mark.parametrize("head", ["Content-Length: 5\r\n", "Transfer-Encoding: chunked\r\n"])
def test_a_server_may_die_at_each_byte_of_its_answer(head):
    body = "5\r\nwhole\r\n0\r\n\r\n" if "chunked" in head else "whole"
    wire = f"HTTP/1.1 200 OK\r\n{head}\r\n{body}"
    start = len(wire) - len(body)

    def script(exchange):
        exchange.send(wire[: len(upstream.requests) - 1])
        exchange.end()

    upstream, client = Upstream(script), HTTPClient()
    with upstream:
        for cut in range(len(wire)):
            if cut < start:
                with pytest.raises(CallFailed):
                    get(client, upstream)
            else:
                assert b"whole".startswith(get(client, upstream))
        assert connections(upstream) == len(upstream.requests) == len(wire)

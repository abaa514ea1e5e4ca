"""Through real proxies: nothing is held back, and nothing outlives its reader behind them.

Each proxy has its distribution's configuration, and the site that ``docs/proxies.md`` shows.
"""

from __future__ import annotations

import http.client
import os
import shutil
import signal
import socket
from itertools import islice

import pytest

from tests.conftest import needs
from tests.matrix.proxies import LONG_ROW, ROWS
from tests.support.compressed import decoded
from tests.support.gates import Gate
from tests.support.http2 import Http2Connection
from tests.support.proxied import GREENLETS, THREADS, proxied, trusting
from tests.support.proxies import PROXIES, docs
from tests.support.servers import SERVERS, running, serving

NGINX, CADDY, HAPROXY, APACHE = PROXIES
PYWSGI = SERVERS[0]
HAPROXY_ABORTS = "\noption abortonclose"
HEARTBEAT = b": "
NEVER = 30
"""Seconds to the first heartbeat: longer than any test."""


@pytest.fixture(scope="module")
def app():
    with serving(GREENLETS) as live:
        yield live


@pytest.fixture(scope="module")
def compressing_app():
    with serving(GREENLETS, COMPRESS="1") as live:
        yield live


@pytest.fixture(scope="module")
def threads_app():
    with serving(THREADS) as live:
        yield live


@pytest.fixture(scope="module", params=PROXIES, ids=lambda proxy: proxy.name)
def proxy(request):
    return available(request.param)


def available(proxy):
    needs(proxy.name, proxy.executable)
    needs("openssl", shutil.which("openssl"))
    return proxy


@pytest.fixture(scope="module")
def site(proxy, app):
    with proxied(proxy, app) as server:
        yield server


@pytest.fixture
def gate(app):
    return Gate(app)


@pytest.fixture(scope="module")
def impatient_site(proxy, app):
    """Its idle limit is 2 s."""
    with proxied(proxy, app, proxy.limited_to(2)) as server:
        yield server


@pytest.fixture(scope="module")
def compressing_site(proxy, app):
    with proxied(proxy, app, proxy.compresses) as server:
        yield server


def next_event(reader):
    """The next block that is more than a comment. Gives up after 100 comments."""
    return next(block for block in islice(iter(reader.block, b""), 100) if block[:2] != HEARTBEAT)


def arrives_token_by_token(reader, gate):
    """Whether each token arrives before the next one is made, and then the end."""
    for token in ("one", "two", "three"):
        gate.release(token)
        assert f'"message":"{token}"'.encode() in next_event(reader)
    gate.release("end")
    assert b'"reason":"complete"' in next_event(reader)


# What a reader sees.


def test_the_stream_opens_before_the_first_token(site, gate):
    with site.request("GET", gate.path()) as reader:
        assert reader.block().startswith(b": \nevent: opened\n")
        gate.release("end")


def test_each_token_arrives_before_the_next_is_made(site, gate):
    with site.request("GET", gate.path()) as reader:
        arrives_token_by_token(reader, gate)


def test_the_answer_to_a_post_arrives_token_by_token(site, gate, proxy):
    if proxy is CADDY:
        pytest.skip("over HTTP/1.1 it cuts some of them: github.com/caddyserver/caddy/issues/5431")
    body = b'{"prompt": "hello"}'
    with site.request("POST", gate.path(), body=body) as reader:
        arrives_token_by_token(reader, gate)


def test_a_failure_before_the_first_event_keeps_its_status(site):
    with site.request("GET", "/full") as reader:
        assert reader.response.status == 503
        assert reader.response.headers["Retry-After"] == "7"
        assert b'"message":"Full for now."' in reader.response.read()


def test_an_event_source_that_returns_after_the_end_is_sent_away(site, gate):
    with site.request("GET", gate.path()) as reader:
        gate.release("end")
        *_, last_id = reader.blocks()[-1].partition(b"id: ")
    with site.request("GET", gate.path(), headers={"Last-Event-ID": last_id.decode()}) as reader:
        assert reader.response.status == 204


def test_an_answer_whose_app_is_killed_does_not_look_complete(proxy):
    with running(PYWSGI) as app, proxied(proxy, app) as site:
        with site.request("GET", "/gated") as reader:
            reader.block()
            app.release("heard")
            reader.block()
            os.kill(app.pid, signal.SIGKILL)
            assert b'"ended":true' not in all_that_comes(reader)


def all_that_comes(reader):
    """All bytes up to the end, of any kind: some proxies end a cut answer as a complete one."""
    try:
        return reader.response.read()
    except http.client.IncompleteRead as error:
        return error.partial


def test_the_readers_address_reaches_the_app(proxy, app):
    with proxied(proxy, app, proxy.forwards) as site:
        with site.request("GET", "/address", address="127.0.0.2") as reader:
            assert reader.response.read() == b"127.0.0.2"


def test_a_page_of_the_site_is_known_as_one(proxy, app):
    with proxied(proxy, app, proxy.keeps_host) as site:
        for origin, status in ((f"https://127.0.0.1:{site.port}", 200), ("https://evil.test", 403)):
            with site.request("POST", "/own", headers={"Origin": origin}) as reader:
                assert reader.response.status == status


def test_nginx_holds_back_what_does_not_say_that_it_must_not(app, gate):
    with proxied(available(NGINX), app) as site:
        with Http2Connection(site.port, trusting(), patience=1) as connection:
            assert connection.get(gate.path()).block().startswith(b": \nevent: opened\n")
            unmarked = connection.get(f"/unmarked/{gate.name}")
            with pytest.raises(socket.timeout):
                unmarked.block()


# Silence.


def test_heartbeats_keep_a_silent_stream_over_the_idle_limit(impatient_site, gate):
    with impatient_site.request("GET", gate.path(heartbeat=0.25)) as reader:
        reader.block()
        assert [reader.block() for _ in range(12)] == [HEARTBEAT] * 12
        arrives_token_by_token(reader, gate)


def test_without_heartbeats_it_is_cut_and_does_not_look_complete(impatient_site, gate):
    with impatient_site.request("GET", gate.path(heartbeat=0)) as reader:
        answer = all_that_comes(reader)
    assert answer.startswith(b"event: opened\n")
    assert b'"ended":true' not in answer
    assert gate.closed()


# Departures.


def patience_of(proxy):
    """The heartbeat for streams whose reader will leave: none if the proxy reports that."""
    return NEVER if proxy.passes_departures_on else 0.2


def test_a_reader_who_leaves_before_the_first_token_ends_the_generator(site, gate, proxy):
    with site.request("GET", gate.path(patience_of(proxy))) as reader:
        reader.block()
    assert gate.closed()


def test_a_reader_who_leaves_in_the_middle_ends_the_generator(site, gate, proxy):
    with site.request("GET", gate.path(patience_of(proxy))) as reader:
        reader.block()
        gate.release("heard")
        next_event(reader)
    assert gate.closed()


def test_a_reader_who_never_reads_is_cut_off(site, app):
    with site.request("GET", "/flood"):
        assert app.closed()


def test_a_line_has_haproxy_tell_of_departures(app, gate):
    with proxied(available(HAPROXY), app, HAPROXY_ABORTS) as site:
        with site.request("GET", gate.path(NEVER)) as reader:
            reader.block()
        assert gate.closed()


def test_on_threads_the_generator_ends_at_its_next_yield(proxy, threads_app):
    gate = Gate(threads_app)
    with proxied(proxy, threads_app) as site:
        with site.request("GET", gate.path(patience_of(proxy))) as reader:
            reader.block()
        assert any(ends_at_a_yield(gate) for _ in range(100))


def ends_at_a_yield(gate):
    gate.release("unheard")
    return gate.closed(seconds=0.2)


# Compression.


def test_compression_in_the_proxy_holds_nothing_back(compressing_site, gate):
    accepting = {"Accept-Encoding": "gzip"}
    with compressing_site.request("GET", "/page", headers=accepting) as reader:
        assert reader.response.headers["Content-Encoding"] == "gzip"
    with compressing_site.request("GET", gate.path(), headers=accepting) as reader:
        arrives_token_by_token(decoded(reader), gate)


def test_flask_compress_in_the_app_leaves_the_stream_alone(proxy, compressing_app):
    accepting, gate = {"Accept-Encoding": "gzip"}, Gate(compressing_app)
    with proxied(proxy, compressing_app) as site:
        with site.request("GET", "/page", headers=accepting) as reader:
            assert reader.response.headers["Content-Encoding"] == "gzip"
        with site.request("GET", gate.path(), headers=accepting) as reader:
            assert reader.response.headers["Content-Encoding"] == "identity"
            arrives_token_by_token(reader, gate)


# HTTP/2 between the reader and the proxy.


@pytest.fixture
def connection(site):
    with Http2Connection(site.port, trusting()) as connection:
        yield connection


def test_several_streams_on_one_connection_are_interleaved(connection, app):
    gates = [Gate(app) for _ in range(4)]
    readers = [connection.get(gate.path()) for gate in gates]
    for reader in readers:
        assert reader.response.status == 200
        reader.block()
    for token in ("one", "two"):
        for gate, reader in zip(reversed(gates), reversed(readers)):
            gate.release(token)
            assert f'"message":"{token}"'.encode() in reader.block()
    for gate, reader in zip(gates, readers):
        gate.release("end")
        assert b'"reason":"complete"' in reader.block()


def test_a_stream_that_is_left_alone_ends_its_own_generator_only(connection, app, proxy):
    left, kept = Gate(app), Gate(app)
    other = connection.get(left.path(patience_of(proxy)))
    reader = connection.get(kept.path(NEVER))
    other.block()
    other.response.close()
    assert left.closed()
    arrives_token_by_token(reader, kept)


def test_the_answer_to_a_post_over_http2_arrives_token_by_token(connection, gate):
    arrives_token_by_token(connection.post_json(gate.path(), b'{"prompt": "hello"}'), gate)


def test_a_failure_before_the_first_event_keeps_its_status_over_http2(connection):
    answer = connection.get("/full").response
    assert (answer.status, answer.headers["retry-after"]) == (503, "7")


@pytest.mark.parametrize("proxy", [NGINX, HAPROXY, APACHE], ids=lambda proxy: proxy.name)
def test_the_cut_of_what_has_no_words_for_it_is_passed_on(proxy):
    available(proxy)
    with running(PYWSGI) as live, proxied(proxy, live) as site:
        accept = {"Accept": "text/plain"}
        with site.request("GET", "/ends/error/accept", headers=accept) as reader:
            with pytest.raises(http.client.IncompleteRead):
                reader.response.read()


# The docs.


def test_the_docs_show_the_lines_that_were_tried_here(proxy):
    shown = " ".join(docs().split())
    for lines in (proxy.limited_to(3600), proxy.forwards, proxy.keeps_host, HAPROXY_ABORTS):
        assert " ".join(lines.split()) in shown


def test_the_docs_have_the_table_that_the_command_prints():
    for label in (*ROWS, LONG_ROW):
        assert f"\n| {label} | " in docs()

"""The cells of the table of proxies: each function measures one, and returns it in words."""

from __future__ import annotations

import http.client
import os
import signal
import socket
from contextlib import ExitStack
from statistics import median
from time import monotonic
from typing import Callable, List, NamedTuple

from h2.events import StreamEnded
from h2.exceptions import TooManyStreamsError

from tests.support.compressed import decoded
from tests.support.gates import Gate
from tests.support.http2 import Http2Connection
from tests.support.proxied import ProxyServer, proxied, trusting
from tests.support.proxies import Proxy
from tests.support.servers import SERVERS, LiveServer, Reader, running

ROUNDS = 5
PATIENCE = 3
"""A stream that has not opened after so many seconds will not open."""


class Bench(NamedTuple):
    """The servers that one row is measured with.

    :ivar app: the application, on greenlets. ``compressing_app`` has Flask-Compress as well.
    :ivar site: the proxy in front of ``app``.
    """

    proxy: Proxy
    app: LiveServer
    compressing_app: LiveServer
    threads_app: LiveServer
    site: ProxyServer


# What a reader sees.


def first_event(bench: Bench) -> str:
    """The time from connecting to the first event. The generator does not wait for it."""
    return milliseconds(median(first_event_of(bench.site) for _ in range(20)))


def first_event_of(site: ProxyServer) -> float:
    started = monotonic()
    with site.request("GET", "/paced/1") as reader:
        reader.block()
        reader.block()
        return monotonic() - started


def gaps(bench: Bench) -> str:
    """The gaps between events that are made 100 ms apart."""
    with bench.site.request("GET", "/paced/51") as reader:
        seen = gaps_seen(reader)
    return f"{milliseconds(median(seen))} / {milliseconds(max(seen))}"


def gaps_seen(reader: Reader) -> List[float]:
    """The seconds between the events of a stream, without the opening and the end."""
    delta = b'message\ndata: {"ended":false'
    times = [monotonic() for block in iter(reader.block, b"") if delta in block]
    return [later - earlier for earlier, later in zip(times, times[1:])]


def compressing(bench: Bench) -> str:
    """Tokens through a proxy whose compression is switched on."""
    with proxied(bench.proxy, bench.app, bench.proxy.compresses) as site:
        return coding_and_gap(site)


def flask_compress(bench: Bench) -> str:
    """Tokens of an app with Flask-Compress."""
    with proxied(bench.proxy, bench.compressing_app) as site:
        return coding_and_gap(site)


def coding_and_gap(site: ProxyServer) -> str:
    """The coding, and the longest gap, for a reader who accepts gzip."""
    with site.request("GET", "/paced/11", headers={"Accept-Encoding": "gzip"}) as reader:
        longest = max(gaps_seen(decoded(reader)))
        return f"{reader.response.headers['Content-Encoding']}, {milliseconds(longest)}"


# Silence.


def with_heartbeats(bench: Bench) -> str:
    """A silent stream over an idle limit of 2 s."""
    return over_the_limit(bench, heartbeat=0.5)


def without_heartbeats(bench: Bench) -> str:
    """The same without heartbeats."""
    return over_the_limit(bench, heartbeat=0)


def over_the_limit(bench: Bench, heartbeat: float) -> str:
    with proxied(bench.proxy, bench.app, bench.proxy.limited_to(2)) as site:
        return silent_for(6, site, Gate(bench.app).path(heartbeat))


def stock_limit(bench: Bench) -> str:
    """A silent stream without heartbeats and the proxy's own limit."""
    return silent_for(330, bench.site, Gate(bench.app).path(heartbeat=0))


def silent_for(seconds: float, site: ProxyServer, path: str) -> str:
    """How long a stream lives whose generator is silent."""
    started = monotonic()
    with site.request("GET", path, patience=seconds) as reader:
        try:
            while monotonic() - started < seconds and reader.block():
                pass
        except (http.client.IncompleteRead, socket.timeout):
            pass
    lived = monotonic() - started
    return f"lives ({seconds} s)" if lived >= seconds else f"cut after {lived:.1f} s"


# Departures: heartbeats are a second apart.


def leaving(bench: Bench) -> str:
    """A reader over HTTP/1.1 hangs up."""
    return milliseconds(median(leaving_once(bench) for _ in range(ROUNDS)))


def leaving_once(bench: Bench) -> float:
    gate = Gate(bench.app)
    with bench.site.request("GET", gate.path(heartbeat=1)) as reader:
        reader.block()
        left = monotonic()
    return gate.closed() - left


def resetting(bench: Bench) -> str:
    """A reader over HTTP/2 resets its stream and keeps its connection."""
    return milliseconds(median(resetting_once(bench) for _ in range(ROUNDS)))


def resetting_once(bench: Bench) -> float:
    gate = Gate(bench.app)
    with Http2Connection(bench.site.port, trusting()) as connection:
        reader = connection.get(gate.path(heartbeat=1))
        reader.block()
        left = monotonic()
        reader.response.close()
        return gate.closed() - left


def leaving_threads(bench: Bench) -> str:
    """A reader hangs up. On a thread a generator ends at its next yield; it yields every 20 ms."""
    with proxied(bench.proxy, bench.threads_app) as site:
        on_threads = bench._replace(site=site)
        return milliseconds(median(leaving_thread(on_threads) for _ in range(ROUNDS)))


def leaving_thread(bench: Bench) -> float:
    gate = Gate(bench.threads_app)
    with bench.site.request("GET", gate.path(heartbeat=1)) as reader:
        reader.block()
        left = monotonic()
    while not gate.closed(seconds=0.02):
        gate.release("unheard")
    return gate.closed() - left


# How HTTP ends, where the app is killed in the middle.


def cut_short(bench: Bench) -> str:
    """How a cut answer ends over HTTP/1.1 and over HTTP/2."""
    return f"{cut_short_http1(bench.proxy)} / {cut_short_http2(bench.proxy)}"


def cut_short_http1(proxy: Proxy) -> str:
    with running(SERVERS[0]) as app, proxied(proxy, app) as site:
        with site.request("GET", "/gated") as reader:
            kill_in_the_middle(app, reader)
            try:
                assert reader.blocks() == []
                return "whole"
            except http.client.IncompleteRead:
                return "cut"


def cut_short_http2(proxy: Proxy) -> str:
    with running(SERVERS[0]) as app, proxied(proxy, app) as site:
        with Http2Connection(site.port, trusting()) as connection:
            reader = connection.get("/gated")
            kill_in_the_middle(app, reader)
            assert reader.blocks() == []
            return "whole" if reader.response.ended is StreamEnded else "cut"


def kill_in_the_middle(app: LiveServer, reader: Reader) -> None:
    reader.block()
    app.release("heard")
    reader.block()
    os.kill(app.pid, signal.SIGKILL)


# How many at once.


def streams_on_one_connection(bench: Bench) -> str:
    """Streams that are open at once on one HTTP/2 connection."""
    with proxied(bench.proxy, bench.app) as site:
        with Http2Connection(site.port, trusting(), PATIENCE) as connection:
            return opened(300, lambda: connection.get(Gate(bench.app).path()))


def readers(bench: Bench) -> str:
    """Readers at once over HTTP/1.1, on connections of their own."""
    with proxied(bench.proxy, bench.app) as site, ExitStack() as all_of_them:

        def another() -> Reader:
            path = Gate(bench.app).path()
            return all_of_them.enter_context(site.request("GET", path, patience=PATIENCE))

        return opened(1000, another)


def opened(most: int, another: Callable[[], Reader]) -> str:
    """How many streams open, one after another, until one does not."""
    for number in range(most):
        try:
            if not another().block().startswith(b": "):
                return f"{number}"
        except (TooManyStreamsError, http.client.HTTPException, OSError):
            return f"{number}"
    return f"{most} and more"


def milliseconds(seconds: float) -> str:
    """Three digits are enough."""
    return f"{seconds * 1000:.1f} ms" if seconds < 0.01 else f"{seconds * 1000:.0f} ms"

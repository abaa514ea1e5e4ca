"""The phases in which a reader can wait, each with a way to know that it waits.

Run as a program, it closes a reader from another greenlet in each phase, in a patched process.
"""

from __future__ import annotations

import sys

if __name__ == "__main__":
    from gevent import monkey

    monkey.patch_all()

import socket
import threading
from contextlib import ExitStack, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from time import monotonic
from typing import Any, Callable, Dict, Iterator, NamedTuple

from flask_llmstream import Backoff
from flask_llmstream.client.event_source import EventSource
from tests.support.resolver import Resolver
from tests.support.upstream import (
    HANG_GUARD,
    HEAD,
    Exchange,
    Upstream,
    nobody_accepts,
    nobody_shakes_hands,
    silence,
    silence_after,
)

STREAM_ID = "s" * 32
KEPT_HEAD = HEAD.replace("\r\n\r\n", f"\r\nX-Stream-ID: {STREAM_ID}\r\n\r\n")


class Wait(NamedTuple):
    """A reader that will wait.

    :ivar waits: returns when it does, or soon will.
    """

    url: str
    waits: Callable[[], object]
    options: Dict[str, Any] = {}


@contextmanager
def looking_up(folder: Path) -> Iterator[Wait]:
    resolver, known = Resolver(), socket.getaddrinfo
    socket.getaddrinfo = resolver  # type: ignore[assignment]
    try:
        with resolver.hanging("slow.test"):
            yield Wait("http://slow.test/", lambda: resolver.wait_until_asked("slow.test"))
    finally:
        socket.getaddrinfo = known


@contextmanager
def connecting(folder: Path) -> Iterator[Wait]:
    with nobody_accepts() as url:
        yield Wait(url, a_moment)


@contextmanager
def shaking_hands(folder: Path) -> Iterator[Wait]:
    with nobody_shakes_hands() as url:
        yield Wait(url, a_moment)


@contextmanager
def tunnelling(folder: Path) -> Iterator[Wait]:
    with Upstream(silence) as proxy:
        proxies = {"https": proxy.url.replace("/v1", "")}
        yield Wait("https://site.test/", proxy.asked.wait, {"proxies": proxies})


@contextmanager
def waiting_for_headers(folder: Path) -> Iterator[Wait]:
    with Upstream(silence) as upstream:
        yield Wait(upstream.url, upstream.asked.wait)


@contextmanager
def reading(folder: Path) -> Iterator[Wait]:
    with Upstream(silence_after("one")) as upstream:
        read = threading.Event()
        yield Wait(upstream.url, read.wait, {"on_bytes": lambda piece: read.set()})


@contextmanager
def reading_a_refusal(folder: Path) -> Iterator[Wait]:
    def script(exchange: Exchange) -> None:
        exchange.send("HTTP/1.1 500 Broken\r\nContent-Length: 9\r\n\r\nno")

    with Upstream(script) as upstream:
        yield Wait(upstream.url, upstream.asked.wait)


def cut(exchange: Exchange) -> None:
    exchange.send(KEPT_HEAD)
    exchange.send_event({"ended": False, "message": "one"})
    exchange.end()


@contextmanager
def pausing(folder: Path) -> Iterator[Wait]:
    with Upstream(cut) as upstream:
        paused = threading.Event()
        backoff = Backoff(first=60, longest=60, draw=lambda: 1)
        options = {"backoff": backoff, "on_reconnect": lambda *_: paused.set()}
        yield Wait(upstream.url, paused.wait, options)


PHASES = [
    looking_up,
    connecting,
    shaking_hands,
    tunnelling,
    waiting_for_headers,
    reading,
    reading_a_refusal,
    pausing,
]


def a_moment() -> None:
    """No event tells that a socket waits. Whether it does, or soon will, the end is the same."""
    threading.Event().wait(0.05)


def reader_of(wait: Wait) -> EventSource:
    """A reader that no deadline ends in time."""
    from requests import Session

    session, options = Session(), dict(wait.options)
    session.proxies.update(options.pop("proxies", {}))
    bounds = {"connect_timeout": HANG_GUARD, "alive_timeout": HANG_GUARD}
    return EventSource(wait.url, session=session, json={}, **bounds, **options)


def reads_until_closed(source: EventSource) -> None:
    """Read to the end, which has to come before a deadline does."""
    begun = monotonic()
    with source:
        for _ in source:
            pass
    assert source.closed and source.ending is None
    assert monotonic() - begun < HANG_GUARD / 2


def close_each_from_a_greenlet() -> None:
    import gevent

    for phase in PHASES:
        with TemporaryDirectory() as folder, ExitStack() as stack:
            wait = stack.enter_context(phase(Path(folder)))
            source = reader_of(wait)
            reader = gevent.spawn(reads_until_closed, source)
            wait.waits()
            source.close()
            reader.get(timeout=HANG_GUARD)
        print(phase.__name__)


if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parents[2]))
    close_each_from_a_greenlet()

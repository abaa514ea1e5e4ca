"""How long an abort takes to end a call, wherever the call waits.

``python -m benchmarks.aborts`` prints a table, in milliseconds. The time runs from the call of
``abort()`` on one thread until the reader on another thread has got its error or the end.
"""

from __future__ import annotations

import os
import socket
import tempfile
import threading
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from time import perf_counter, sleep
from unittest.mock import patch

from flask_llmstream.http.client import HTTPClient
from flask_llmstream.http.errors import CallError
from tests.support.certificates import certificate_for
from tests.support.resolver import Resolver
from tests.support.upstream import (
    HEAD,
    LAST_CHUNK,
    Upstream,
    nobody_accepts,
    nobody_shakes_hands,
    silence,
)

TIMES = 20
SETTLED = 0.01
"""Seconds until the reader surely waits in the last step of its phase."""


class Reading:
    """A thread that reads an answer until it is aborted."""

    def __init__(self, client, url):
        self.call = client.call("POST", url, headers={}, body=b"{}")
        self.began = threading.Event()
        self.thread = threading.Thread(target=self.run)
        self.thread.start()

    def run(self):
        try:
            for _ in self.call.open().blocks():
                self.began.set()
        except CallError:
            pass
        self.ended = perf_counter()
        self.call.close()

    def seconds_to_abort(self):
        sleep(SETTLED)
        begun = perf_counter()
        self.call.abort()
        self.thread.join()
        return self.ended - begun


@contextmanager
def looking_up(certificate):
    resolver = Resolver()
    with patch.object(socket, "getaddrinfo", resolver), resolver.hanging("hung.test"):
        yield Reading(HTTPClient(), "http://hung.test/")


@contextmanager
def connecting(certificate):
    with nobody_accepts() as url:
        yield Reading(HTTPClient(), url)


@contextmanager
def asking_a_proxy(certificate):
    with Upstream(silence) as proxy:
        with patch.dict(os.environ, {"https_proxy": proxy.url, "no_proxy": ""}):
            reading = Reading(HTTPClient(), "https://model.test/")
            proxy.asked.wait()
            yield reading


@contextmanager
def shaking_hands(certificate):
    with nobody_shakes_hands() as url:
        yield Reading(HTTPClient(), url)


def waiting(is_tls, is_reused, sends):
    """Wait for the head, or in the body, on a new or on a reused connection."""

    @contextmanager
    def waiting(certificate):
        def script(exchange):
            is_first = is_reused and len(upstream.requests) == 1
            exchange.send(HEAD + LAST_CHUNK if is_first else sends)

        upstream = Upstream(script, certificate.context if is_tls else None)
        client = HTTPClient(ca_bundle=certificate.path)
        with upstream:
            if is_reused:
                Reading(client, upstream.url).thread.join()
                upstream.asked.clear()
            reading = Reading(client, upstream.url)
            upstream.asked.wait()
            if sends:
                reading.began.wait()
            yield reading
            assert len({one.connection for one in upstream.requests}) == 1

    return waiting


PHASES = {
    "look-up": looking_up,
    "connection": connecting,
    "proxy": asking_a_proxy,
    "TLS handshake": shaking_hands,
}
for scheme in ("plain", "TLS"):
    for age in ("new", "reused"):
        for phase, sends in (("head", ""), ("body", f"{HEAD}2\r\naa\r\n")):
            name = f"{phase}, {scheme}, {age} connection"
            PHASES[name] = waiting(scheme == "TLS", age == "reused", sends)


def main():
    print("| the call waits for | median ms | worst ms |\n|---|---|---|")
    with tempfile.TemporaryDirectory() as folder:
        certificate = certificate_for("127.0.0.1", Path(folder))
        for name, phase in PHASES.items():
            seconds = []
            for _ in range(TIMES):
                with phase(certificate) as reading:
                    seconds.append(reading.seconds_to_abort())
            print(f"| {name} | {median(seconds) * 1000:.2f} | {max(seconds) * 1000:.2f} |")


if __name__ == "__main__":
    main()

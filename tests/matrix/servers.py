"""``python -m tests.matrix.servers``: measures the table of ``docs/servers.md``.

It shows what each server lets a stream do. It measures all servers, or the servers that are named
on the command line.
"""

from __future__ import annotations

import argparse
import resource
import sys
from contextlib import ExitStack
from statistics import median
from time import monotonic
from typing import Callable, Dict, Iterator, List, NamedTuple

import pytest

from tests.matrix.setting import setting
from tests.matrix.tables import cell, put_into, table
from tests.support.nginx import reached
from tests.support.relay import BUSY, SILENT, WAYS_TO_LEAVE, Model, Moment, departure, reading
from tests.support.servers import ROOT, SERVERS, SYNC, LiveServer, Server, running

DOCUMENT = ROOT / "docs" / "servers.md"
ROUNDS = 5
STAYS = 0.2
"""Departures are spread over so many seconds, so that none keeps step with a poll."""
READERS = 1100
PATIENCE = 2
"""A stream that has not opened after so many seconds will not open."""


class Bench(NamedTuple):
    """The server and the model that one row is measured with."""

    server: Server
    model: Model
    live: LiveServer


Measure = Callable[[Bench], str]


def producer(bench: Bench) -> str:
    """Where the generator runs."""
    with bench.live.request("GET", "/where") as reader:
        return "thread" if b'"thread"' in reader.block() + reader.block() else "greenlet"


def first_event(bench: Bench) -> str:
    """The time from connecting to the first token, which the model sends at once."""
    return milliseconds(median(first_event_of(bench) for _ in range(ROUNDS)))


def first_event_of(bench: Bench) -> float:
    started = monotonic()
    with reading(bench.live, "say a word") as reader:
        reader.read_until(b"word")
        seconds = monotonic() - started
    bench.model.over.wait(PATIENCE)
    return seconds


def left_in_silence(bench: Bench) -> str:
    """Departures in silence, by FIN and by RST."""
    return departures(bench, bench.live, SILENT)


def left_while_it_writes(bench: Bench) -> str:
    """Departures by FIN and by RST, with a token every 20 ms."""
    return departures(bench, bench.live, BUSY)


def left_under_tls(bench: Bench) -> str:
    """Departures in silence, by FIN and by RST; the server speaks TLS."""
    return departures_on_the_way(bench, "TLS") if bench.server.tls else "speaks none"


def left_behind_nginx(bench: Bench) -> str:
    """Departures in silence, by FIN and by RST, through nginx."""
    return departures_on_the_way(bench, "nginx")


def departures_on_the_way(bench: Bench, way: str) -> str:
    with reached(bench.server, way, UPSTREAM=bench.model.url) as live:
        return departures(bench, live, SILENT)


def departures(bench: Bench, live: LiveServer, moment: Moment) -> str:
    """The medians for each way to leave."""
    return " / ".join(milliseconds(median(times)) for times in times_of(bench, live, moment))


def times_of(bench: Bench, live: LiveServer, moment: Moment) -> Iterator[List[float]]:
    stays = [number * STAYS / ROUNDS for number in range(ROUNDS)]
    for leave in WAYS_TO_LEAVE.values():
        yield [departure(live, bench.model, moment, leave, time) for time in stays]


def heartbeats(bench: Bench) -> str:
    """The time between two heartbeats that are asked for each 100 ms."""
    with reading(bench.live, "say a word", heartbeat=0.1) as reader:
        reader.read_until(b"word")
        reader.read_until(b": \n")
        started = monotonic()
        for _ in range(10):
            reader.read_until(b": \n")
        return milliseconds((monotonic() - started) / 10)


def heartbeats_alone(bench: Bench) -> str:
    """The heartbeat at which a departure is found if nothing else finds it."""
    silent = SILENT._replace(options={"heartbeat": STAYS})
    with running(bench.server, UPSTREAM=bench.model.url, UNWATCHED="yes") as live:
        each = [median(times) for times in times_of(bench, live, silent)]
    return " / ".join(f"{round(time / STAYS + 0.5)}." for time in each)


def at_once(bench: Bench) -> str:
    """How many streams open, of 1,100 that are asked for one after another."""
    with ExitStack() as readers:
        for number in range(READERS):
            another = bench.live.request("GET", "/gated", patience=PATIENCE)
            try:
                readers.enter_context(another).block()
            except OSError:
                return f"{number}"
    return "no limit seen"


COLUMNS: Dict[str, Measure] = {
    "the producer runs on a": producer,
    "first event": first_event,
    "reader left in silence: FIN / RST": left_in_silence,
    "while tokens come": left_while_it_writes,
    "in silence, the server's own TLS": left_under_tls,
    "in silence, behind nginx": left_behind_nginx,
    "heartbeats each 100 ms come each": heartbeats,
    "unwatched, found at heartbeat": heartbeats_alone,
    "streams at once": at_once,
}


LIMITS = {
    "gevent.pywsgi": "as many streams as `LLMSTREAM_MAX_STREAMS`; `backlog` (256) readers who come "
    "at the same moment",
    "gunicorn gevent": "`--worker-connections` (1000) a worker",
    "gunicorn gevent_pywsgi": "`--worker-connections` (1000) a worker",
    "uWSGI gevent": "`--gevent`; `--harakiri`, where it is set, cuts a stream",
    "flask run, patched": "nothing; it is for development",
    "flask run, threads": "nothing; it is for development",
    "gunicorn gthread": "`--threads` (1) a worker, which all requests share",
    "waitress": "`--threads` (4) and `--connection-limit` (100); keeps up to "
    "`--outbuf-high-watermark` (16 MiB) for a reader who stands still",
    "uWSGI threads": "`--threads`; cuts a reader who takes nothing for `--socket-timeout` (4 s), "
    "and any stream at `--harakiri`, where it is set",
    "mod_wsgi": "`threads` (15) a process; a reader who stands still keeps his until "
    "`response-socket-timeout` (Apache's `Timeout`: 300 s on Debian); `request-timeout`, where it "
    "is set, cuts a stream",
    "gunicorn sync": "one stream a worker, which is killed at `--timeout` (30 s)",
}
"""The limits of the server itself, with their defaults. See test_server_limits.py."""


def main() -> int:
    """Print the table; 1 where something could not be measured."""
    options = parsed_arguments()
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    servers = [one for one in [*SERVERS, SYNC] if one.name in (options.names or [one.name])]
    with Model() as model:
        rows = [row(server, model) for server in servers]
    limits = [[server.name, LIMITS[server.name]] for server in servers]
    measured, limiting = table(["server", *COLUMNS], rows), table(["server", "its limits"], limits)
    text = f"{setting()}\n\n{measured}\n{limiting}"
    print(text, end="")
    if options.write:
        put_into(DOCUMENT, text)
    return int("failed:" in text)


def parsed_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.matrix.servers", description=__doc__)
    parser.add_argument("--write", action="store_true", help=f"put it into {DOCUMENT.name} too")
    parser.add_argument("names", nargs="*", metavar="server", help="such as 'gunicorn gevent'")
    return parser.parse_args()


def row(server: Server, model: Model) -> List[str]:
    """One row. Its cells are printed on the terminal as they come."""
    try:
        with running(server, UPSTREAM=model.url) as live:
            bench = Bench(server, model, live)
            cells = (told(server, name, cell(COLUMNS[name], bench)) for name in COLUMNS)
            return [server.name, *cells]
    except pytest.skip.Exception as missing:
        return [server.name, str(missing)]


def told(server: Server, name: str, text: str) -> str:
    print(f"{server.name}: {name}: {text}", file=sys.stderr, flush=True)
    return text


def milliseconds(seconds: float) -> str:
    """Three digits are enough."""
    return f"{seconds * 1000:.1f} ms" if seconds < 0.01 else f"{seconds * 1000:.0f} ms"


if __name__ == "__main__":
    sys.exit(main())

"""``python -m tests.matrix.proxies``: measures the table of ``docs/proxies.md``.

It shows what real proxies do to event streams.
"""

from __future__ import annotations

import argparse
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from typing import Callable, Dict, List

from tests.matrix import measures
from tests.matrix.measures import Bench, stock_limit
from tests.matrix.tables import cell, put_into, table
from tests.support.proxied import GREENLETS, THREADS, proxied
from tests.support.proxies import DOCUMENT, PROXIES, Proxy
from tests.support.servers import serving

Measure = Callable[[Bench], str]

ROWS: Dict[str, Measure] = {
    "first event, connecting and TLS included": measures.first_event,
    "tokens made 100 ms apart arrive apart: median / at most": measures.gaps,
    "compression on in the proxy: coding, tokens apart at most": measures.compressing,
    "Flask-Compress in the app: coding, tokens apart at most": measures.flask_compress,
    "silent over an idle limit of 2 s, a heartbeat each 0.5 s": measures.with_heartbeats,
    "the same without heartbeats": measures.without_heartbeats,
    "reader gone, a heartbeat each second: closed after": measures.leaving,
    "the same, one stream of an HTTP/2 connection": measures.resetting,
    "the same, on a thread that yields each 20 ms": measures.leaving_threads,
    "app killed in the middle, to HTTP/1.1 / HTTP/2 it looks": measures.cut_short,
    "streams at once on a new HTTP/2 connection": measures.streams_on_one_connection,
    "readers at once, each on a connection of its own": measures.readers,
}
LONG_ROW = "its own idle limit"
"""This row takes minutes, so it is measured at the same time as the others."""


def main() -> int:
    """Print the table; 1 where something could not be measured."""
    options = parsed_arguments()
    with ThreadPoolExecutor(len(PROXIES)) as beside, ExitStack() as running:
        benches = all_benches(running)
        long = [] if options.quick else [beside.submit(cell, stock_limit, one) for one in benches]
        rows = [row(label, measure, benches) for label, measure in ROWS.items()]
        if long:
            rows.append([LONG_ROW, *(one.result() for one in long)])
    text = table(["", *(f"{proxy.name} {proxy.version}" for proxy in PROXIES)], rows)
    print(text, end="")
    if options.write:
        put_into(DOCUMENT, text)
    return int("failed:" in text)


def parsed_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.matrix.proxies", description=__doc__)
    parser.add_argument("--quick", action="store_true", help=f"without “{LONG_ROW}”")
    parser.add_argument("--write", action="store_true", help=f"put it into {DOCUMENT.name} too")
    missing = [proxy.name for proxy in PROXIES if not proxy.executable]
    if missing:
        parser.error(f"not installed: {', '.join(missing)}")
    return parser.parse_args()


def all_benches(running: ExitStack) -> List[Bench]:
    """A bench for each proxy, in front of the same three servers."""
    commands = (GREENLETS, {}), (GREENLETS, {"COMPRESS": "1"}), (THREADS, {})
    apps = [running.enter_context(serving(command, **more)) for command, more in commands]
    sites = [running.enter_context(proxied(proxy, apps[0])) for proxy in PROXIES]
    return [Bench(proxy, *apps, site) for proxy, site in zip(PROXIES, sites)]


def row(label: str, measure: Measure, benches: List[Bench]) -> List[str]:
    """One row. Its cells are printed on the terminal as they come."""
    return [label, *(told(bench.proxy, label, cell(measure, bench)) for bench in benches)]


def told(proxy: Proxy, label: str, text: str) -> str:
    print(f"{proxy.name}: {label}: {text}", file=sys.stderr, flush=True)
    return text


if __name__ == "__main__":
    sys.exit(main())

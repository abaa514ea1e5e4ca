"""The printed tables."""

from __future__ import annotations

import os
import platform
from pathlib import Path
from statistics import median
from typing import Any, Dict, Iterator, List, Tuple

from . import prepare
from .growth import growth_lines, is_step
from .measure import Result
from .metrics import Metric
from .promises import OURS, Numbers, Outcome, outcomes, ratio
from .servers import BEFORE, Server
from .work import Work

BUSY_CLIENT = 0.9


def report(results: List[Result], works: Tuple[Work, ...]) -> Iterator[str]:
    """The lines of the whole report."""
    numbers = by_work_and_server(results)
    for work in works:
        for metric in () if is_step(work) else work.metrics:
            yield from table(numbers, work, metric)
            yield ""
    steps = list(filter(is_step, works))
    if steps:
        yield from growth_lines(numbers, steps)
        yield ""
    yield from clients(results)
    yield ""
    yield from map(promise_line, outcomes(numbers))


def by_work_and_server(results: List[Result]) -> Numbers:
    """The numbers of every round, in the order of the rounds."""
    found: Numbers = {}
    for result in results:
        found.setdefault((result.work, result.server), []).append(result.numbers)
    return found


def table(numbers: Numbers, work: Work, metric: Metric) -> Iterator[str]:
    """One number of one work: a row per server, and ours as a multiple of each peer's."""
    names = [server for of_work, server in numbers if of_work == work.name]
    ours = [name for name in names if name in OURS]
    width = max(20, *map(len, names))
    yield f"{work.name}: {work.about} – {metric.name}, {metric.unit}"
    titles = "".join(f"  {name} is" for name in ours)
    yield f"  {'':{width}}{'median':>9}{'lowest':>9}{'highest':>9}{titles}"
    for name in names:
        values = [run[metric.name] for run in numbers[work.name, name]]
        cells = "".join(map(_number, (median(values), min(values), max(values))))
        if name.startswith(BEFORE):
            now = name[len(BEFORE) :]
            cells += f"  now {_times(numbers, work, metric, now, name)}"
        elif name not in OURS:
            times = (_times(numbers, work, metric, our, name) for our in ours)
            cells += "".join(f" {each:>{len(our) + 4}}" for our, each in zip(ours, times))
        yield f"  {name:{width}}{cells}"


def _number(value: float) -> str:
    return f"{value:>9.0f}" if value >= 1000 else f"{value:>9.4g}"


def _times(numbers: Numbers, work: Work, metric: Metric, ours: str, peer: str) -> str:
    value = ratio(numbers, metric, (work.name, ours), (work.name, peer))
    return f"{value:.2f} ×" if value >= 0.1 else f"{value:.2g} ×"


def clients(results: List[Result]) -> Iterator[str]:
    """How busy the readers' core was, with the model's server of the relays there.

    Over 90 % the numbers may be the client's.
    """
    busiest = max(results, key=lambda result: result.client_share)
    where = f"{busiest.server} at {busiest.work}"
    yield f"readers' core: at most {busiest.client_share:.0%} of it is used ({where})"
    for work, server in sorted({(r.work, r.server) for r in results}):
        shares = [r.client_share for r in results if (r.work, r.server) == (work, server)]
        if work.startswith("relay"):
            yield f"  {median(shares):.0%} of it at {work} of {server}"
        if median(shares) > BUSY_CLIENT:
            yield f"  warning: {median(shares):.0%} of it at {work} of {server}: maybe the limit"


def promise_line(outcome: Outcome) -> str:
    """One promise, its limit, and ``held`` or ``missed``."""
    promise = outcome.promise
    beside = promise.peer or promise.peer_work
    unit = f"× {beside}" if beside else promise.metric.unit
    verdict = "held  " if outcome.held else "missed"
    what = f"{promise.work}, {promise.metric.name}: {outcome.server}"
    return f"{verdict}  {what:46}{outcome.value:>8.3g} {unit:16} at most {promise.at_most:.3g}"


def machine(servers: Tuple[Server, ...]) -> Dict[str, Any]:
    """The machine, and the versions that ran on it."""
    environments = dict.fromkeys(server.environment for server in servers)
    return {
        "processor": _processor(),
        "cores": os.cpu_count(),
        "kernel": platform.release(),
        "versions": {name: prepare.versions(name) for name in environments},
    }


def machine_lines(found: Dict[str, Any]) -> Iterator[str]:
    yield f"{found['processor']}, {found['cores']} cores, Linux {found['kernel']}"
    for name, versions in found["versions"].items():
        yield f"  {name}: " + ", ".join(f"{package} {which}" for package, which in versions.items())


def _processor() -> str:
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    models = (line.split(":", 1)[1].strip() for line in lines if line.startswith("model name"))
    return next(models, platform.machine())

"""The works that the servers do, and the numbers that are taken from them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Callable, Dict, NamedTuple, Optional, Tuple

OPENING_SECONDS = 1.013  # readers of paced streams come one by one, not in step with the tokens
TOKENS_A_SECOND = 20
SILENCE_SECONDS = 3600
SHORT_SECONDS = 1.0


class Usage(NamedTuple):
    """What a process has used so far."""

    cpu_seconds: float
    rss_kib: float


class Run(NamedTuple):
    """One measurement: the server before it, when all had an event, and after; and the client."""

    before: Usage
    opened: Usage
    after: Usage
    open: Dict[str, float]
    done: Dict[str, float]


class Metric(NamedTuple):
    """A number of one run, lower is better."""

    name: str
    unit: str
    of: Callable[[Run], float]


def _cpu_of_all(run: Run) -> float:
    return (run.after.cpu_seconds - run.before.cpu_seconds) / run.done["events"] * 1e6


def _cpu_while_open(run: Run) -> float:
    events = run.done["events"] - run.open["events"]
    return (run.after.cpu_seconds - run.opened.cpu_seconds) / events * 1e6


def _memory_a_stream(run: Run) -> float:
    return (run.after.rss_kib - run.before.rss_kib) / run.done["readers"]


def _cpu_a_stream(run: Run) -> float:
    return (run.after.cpu_seconds - run.before.cpu_seconds) / run.done["readers"] * 1e6


def _first_p50(run: Run) -> float:
    return run.done["first_p50_ms"]


def _first_p99(run: Run) -> float:
    return run.done["first_p99_ms"]


def _latency_p99(run: Run) -> float:
    return run.done["latency_p99_ms"]


FIRST_MEDIAN = Metric("first event, median", "ms", _first_p50)
FIRST = Metric("first event, p99", "ms", _first_p99)
LATENCY = Metric("yield to client, p99", "ms", _latency_p99)
CPU = Metric("CPU", "µs an event", _cpu_of_all)
CPU_A_STREAM = Metric("CPU", "µs a stream", _cpu_a_stream)
CPU_WHILE_OPEN = Metric("CPU", "µs an event", _cpu_while_open)
MEMORY = Metric("memory", "KiB a stream", _memory_a_stream)


@dataclass(frozen=True)
class Work:
    """One kind of work.

    ``readers`` connect over ``spread`` seconds. They leave ``hold`` seconds after all had an event.
    With 0 each reads ``events`` events, to the end. ``warm_up`` is done before the measurement.
    """

    name: str
    about: str
    path: str
    readers: int
    metrics: Tuple[Metric, ...] = ()
    spread: float = 0.0
    hold: float = 0.0
    events: int = 0
    payload: int = 0
    warm_up: Optional["Work"] = None


def read_to_the_end(readers: int, events: int, spread: float = 0.0) -> Work:
    """Readers of a burst. The bytes of its data are known beforehand."""
    payload = readers * sum(len(message(str(number))) for number in range(events))
    path = f"/burst?n={events}"
    return Work(
        "warm-up", "", path, readers,
        spread=spread, events=events, payload=payload,
    )  # fmt: skip


def message(text: str) -> bytes:
    """The data of one event."""
    return b'{"ended":false,"message":"%b"}' % text.encode()


FEW = read_to_the_end(readers=5, events=20)


def burst(readers: int, events: int) -> Work:
    """As fast as it goes. The warm-up is the same work: so a compiler has done its part."""
    warm_up = read_to_the_end(readers, events)
    about = f"{readers:,} readers × {events:,} events"
    return Work(
        "burst", about, warm_up.path, readers, (CPU, FIRST),
        events=events, payload=warm_up.payload, warm_up=warm_up,
    )  # fmt: skip


def paced(readers: int, seconds: float) -> Work:
    """A model's pace; opening and closing the connections is not counted."""
    about = f"{readers:,} readers × {TOKENS_A_SECOND} tokens/s, {seconds:g} s"
    path = f"/paced?n=1000000&gap={1 / TOKENS_A_SECOND}"
    metrics = (CPU_WHILE_OPEN, LATENCY)
    return Work(
        "paced", about, path, readers, metrics,
        spread=OPENING_SECONDS, hold=seconds, warm_up=FEW,
    )  # fmt: skip


def idle(readers: int) -> Work:
    """Open streams that had one event and are silent."""
    about = f"{readers:,} open silent streams"
    path = f"/paced?n=2&gap={SILENCE_SECONDS}"
    return Work("idle", about, path, readers, (MEMORY,), spread=2.0, hold=1.0, warm_up=FEW)


def first(readers: int, events: int, gap: float) -> Work:
    """Slow streams that all begin at once."""
    about = f"{readers:,} readers × {events} events {gap * 1000:g} ms apart"
    path = f"/paced?n={events}&gap={gap}"
    return Work("first", about, path, readers, (FIRST,), events=events, warm_up=FEW)


def short(readers: int, events: int) -> Work:
    """Short streams, which come by the clock, also while the server is behind.

    The warm-up is the same work.
    """
    every = read_to_the_end(readers, events, spread=SHORT_SECONDS)
    about = f"{readers:,} streams × {events} events arriving within {SHORT_SECONDS:g} s"
    metrics = (CPU_A_STREAM, FIRST_MEDIAN, FIRST)
    return replace(every, name="short", about=about, metrics=metrics, warm_up=every)


WORKS = (burst(50, 2000), paced(500, 4), idle(1000), first(100, 10, 0.3), short(2000, 3))
QUICK_WORKS = (burst(20, 1000), paced(200, 1.5), idle(200), first(100, 3, 0.3), short(200, 3))
NAMES = tuple(work.name for work in WORKS)

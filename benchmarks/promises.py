"""The numbers that must be held, and whether they were."""

from __future__ import annotations

from statistics import median
from typing import Dict, Iterator, List, NamedTuple, Tuple

from .works import CPU, FIRST, LATENCY, MEMORY, Metric

Numbers = Dict[Tuple[str, str], List[Dict[str, float]]]

STANDARD = ("ours", "ours-mapping")
ORJSON = ("ours+orjson", "ours-mapping+orjson")
OURS = STANDARD + ORJSON
EMITTER = ("ours-emitter",)


class Promise(NamedTuple):
    """At most so many units, or (with a ``peer``) so many times the peer's."""

    work: str
    metric: Metric
    servers: Tuple[str, ...]
    at_most: float
    peer: str = ""


PROMISES = (
    Promise("burst", CPU, STANDARD, 1.0, "node"),
    Promise("burst", CPU, ORJSON, 0.5, "node"),
    Promise("burst", CPU, OURS, 0.12, "sse-starlette"),
    Promise("burst", FIRST, OURS, 60),
    Promise("paced", CPU, OURS, 0.8, "sse-starlette"),
    Promise("paced", CPU, OURS, 1.2, "plain-flask"),
    Promise("paced", LATENCY, OURS, 3),
    Promise("burst", CPU, EMITTER, 1.3, "ours"),
    Promise("paced", CPU, EMITTER, 1.3, "ours"),
    Promise("idle", MEMORY, OURS, 0.9, "sse-starlette"),
    Promise("first", FIRST, OURS, 400),
)


class Outcome(NamedTuple):
    """A promise about one server, and what was measured."""

    promise: Promise
    server: str
    value: float

    @property
    def held(self) -> bool:
        return self.value <= self.promise.at_most


def outcomes(numbers: Numbers) -> Iterator[Outcome]:
    """Every promise whose servers were all measured."""
    for promise in PROMISES:
        for server in promise.servers:
            needed = {(promise.work, server), (promise.work, promise.peer or server)}
            if needed <= numbers.keys():
                yield Outcome(promise, server, _value(promise, server, numbers))


def ratio(numbers: Numbers, work: str, metric: Metric, server: str, peer: str) -> float:
    """The median of the rounds' ratios: within a round, both had the same machine."""
    pairs = zip(numbers[work, server], numbers[work, peer])
    return median(ours[metric.name] / theirs[metric.name] for ours, theirs in pairs)


def _value(promise: Promise, server: str, numbers: Numbers) -> float:
    if promise.peer:
        return ratio(numbers, promise.work, promise.metric, server, promise.peer)
    return median(run[promise.metric.name] for run in numbers[promise.work, server])

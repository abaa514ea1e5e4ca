"""The numbers that must be held, and whether they were."""

from __future__ import annotations

import math
from statistics import median
from typing import Dict, Iterator, List, NamedTuple, Tuple

from .metrics import (
    COMMANDS,
    COMMANDS_WHILE_OPEN,
    CPU,
    CPU_A_STREAM,
    CPU_WHILE_OPEN,
    FIRST,
    FIRST_BEHIND,
    FIRST_MEDIAN,
    LATENCY,
    LATENCY_MEDIAN,
    MEMORY,
    MEMORY_IN_USE,
    MEMORY_UNUSED,
    TIME_OF_A_MB,
    TRIPS,
    TRIPS_WHILE_OPEN,
    Metric,
)
from .servers import LITELLM

Numbers = Dict[Tuple[str, str], List[Dict[str, float]]]

STANDARD = ("ours", "ours-mapping")
ORJSON = ("ours+orjson", "ours-mapping+orjson")
STREAMS = STANDARD + ORJSON
EMITTER = ("ours-emitter",)
RESUME = ("ours-resume",)
REDIS = ("ours-redis",)
RELAYS = ("ours-relay", "ours-relay+orjson")
OURS = STREAMS + RESUME + REDIS + RELAYS


class Promise(NamedTuple):
    """At most so many units, or so many times a peer's, or ours at another work, or both."""

    work: str
    metric: Metric
    servers: Tuple[str, ...]
    at_most: float
    peer: str = ""
    peer_work: str = ""

    def beside(self, server: str) -> Tuple[str, str]:
        """The work and the server that this one is compared with."""
        return self.peer_work or self.work, self.peer or server


PROMISES = (
    Promise("burst", CPU, STANDARD, 0.9, "node"),
    Promise("burst", CPU, ORJSON, 0.5, "node"),
    Promise("burst", CPU, STREAMS, 0.12, "sse-starlette"),
    Promise("burst", FIRST, STREAMS, 60),
    Promise("paced", CPU, STREAMS, 0.8, "sse-starlette"),
    Promise("paced", CPU, STREAMS, 1.2, "plain-flask"),
    Promise("paced", LATENCY, STREAMS, 3),
    Promise("burst", CPU, EMITTER, 1.3, "ours"),
    Promise("paced", CPU, EMITTER, 1.3, "ours"),
    Promise("idle", MEMORY, STREAMS, 0.9, "sse-starlette"),
    Promise("idle", MEMORY, STREAMS, 32),
    Promise("first", FIRST, STREAMS, 400),
    Promise("short", CPU_A_STREAM, STREAMS, 1.0, "sse-starlette"),
    Promise("short", FIRST_MEDIAN, STREAMS, 1.0, "sse-starlette"),
    Promise("opening", CPU_A_STREAM, ("ours",), 1.6, "plain-flask"),
    Promise("growth-10000", CPU, ("ours",), 1.15, peer_work="growth-100"),
    Promise("growth-10000", CPU, ("ours",), 1.15, peer_work="growth-1000"),
    Promise("burst", CPU, RESUME, 1.15, "ours"),
    Promise("paced", CPU, RESUME, 1.15, "ours"),
    Promise("replay", TIME_OF_A_MB, RESUME, 20),
    Promise("redis-burst", TRIPS, REDIS, 0.1),
    Promise("redis-paced", TRIPS_WHILE_OPEN, REDIS, 2),
    Promise("redis-paced", LATENCY_MEDIAN, REDIS, 2),
    *(
        Promise(work, metric, REDIS, 1 / 5, peer)
        for peer in ("fastapi-resumable-stream", "assistant-stream")
        for work, metrics in (
            ("redis-burst", (COMMANDS, CPU)),
            ("redis-paced", (COMMANDS_WHILE_OPEN, CPU_WHILE_OPEN)),
        )
        for metric in metrics
    ),
    Promise("relay-burst", CPU, RELAYS, 1 / 50, LITELLM),
    Promise("relay-paced", CPU, RELAYS, 1 / 7, LITELLM),
    Promise("relay-paced", CPU, RELAYS, 1.2, "pass-through"),
    Promise("relay-idle", MEMORY_UNUSED, RELAYS, 1 / 7, LITELLM),
    Promise("relay-idle", MEMORY_IN_USE, RELAYS, 1 / 5, LITELLM),
    Promise("relay-idle", MEMORY, RELAYS, 1.0, LITELLM),
    Promise("relay-first", FIRST_BEHIND, RELAYS, 1.0),
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
            if {(promise.work, server), promise.beside(server)} <= numbers.keys():
                yield Outcome(promise, server, _value(promise, server, numbers))


def ratio(
    numbers: Numbers, metric: Metric, ours: Tuple[str, str], theirs: Tuple[str, str]
) -> float:
    """The median of the rounds' ratios: within a round, both had the same machine.

    :param ours: a work and a server, as :param theirs: is.
    """
    pairs = zip(numbers[ours], numbers[theirs])
    return median(_times(one[metric.name], other[metric.name]) for one, other in pairs)


def _times(one: float, other: float) -> float:
    """A relay that keeps its connections makes none: nothing is one time nothing."""
    return one / other if other else math.inf if one else 1.0


def _value(promise: Promise, server: str, numbers: Numbers) -> float:
    measured, beside = (promise.work, server), promise.beside(server)
    if measured == beside:
        return median(run[promise.metric.name] for run in numbers[measured])
    return ratio(numbers, promise.metric, measured, beside)

"""The works of streams that are kept for readers who come back."""

from __future__ import annotations

from dataclasses import replace

from . import event_works
from .metrics import (
    COMMANDS,
    COMMANDS_WHILE_OPEN,
    CPU,
    CPU_WHILE_OPEN,
    LATENCY,
    LATENCY_MEDIAN,
    REDIS_CPU,
    REDIS_CPU_WHILE_OPEN,
    TIME_OF_A_MB,
    TRIPS,
    TRIPS_WHILE_OPEN,
)
from .servers import IN_REDIS, REPLAYED
from .work import Work, counted


def replay(events: int) -> Work:
    """One reader of an answer that has ended. The warm-up makes the answer."""
    about = f"1 reader × {events:,} events that were kept"
    text = counted(events)
    whole = Work("warm-up", "", f"/replay?n={events}", 1, events=events, text=text)
    return replace(
        whole, name="replay", about=about, metrics=(TIME_OF_A_MB, CPU), servers=REPLAYED,
        warm_up=whole,
    )  # fmt: skip


def redis_burst(readers: int, events: int) -> Work:
    """As fast as it goes, into Redis."""
    burst = event_works.burst(readers, events)
    metrics = (CPU, COMMANDS, TRIPS, REDIS_CPU)
    return replace(burst, name="redis-burst", metrics=metrics, servers=IN_REDIS, redis=True)


def redis_paced(readers: int, seconds: float) -> Work:
    """A model's pace, into Redis."""
    paced = event_works.paced(readers, seconds)
    metrics = (
        CPU_WHILE_OPEN, LATENCY_MEDIAN, LATENCY,
        COMMANDS_WHILE_OPEN, TRIPS_WHILE_OPEN, REDIS_CPU_WHILE_OPEN,
    )  # fmt: skip
    return replace(paced, name="redis-paced", metrics=metrics, servers=IN_REDIS, redis=True)

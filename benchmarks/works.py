"""All works, at their sizes."""

from __future__ import annotations

from typing import Tuple

from .event_works import burst, first, growth, idle, opening, paced, short
from .relay_works import relay_burst, relay_first, relay_idle, relay_open, relay_paced
from .resume_works import redis_burst, redis_paced, replay
from .work import Work

GROWTH = (100, 500, 1000, 2000, 5000, 10000)

WORKS = (
    burst(50, 2000),
    paced(500, 4),
    idle(1000),
    first(100, 10, 0.3),
    short(2000, 3),
    opening(50, 3),
    replay(100_000),
    redis_burst(20, 500),
    redis_paced(50, 4),
    relay_burst(20, 2000),
    relay_paced(15, 8),
    relay_idle(200),
    relay_first(200, 10),
    relay_open(500, 10),
    *(growth(readers, 5) for readers in GROWTH),
)
QUICK_WORKS = (
    burst(20, 1000),
    paced(200, 1.5),
    idle(200),
    first(100, 3, 0.3),
    short(200, 3),
    opening(20, 3),
    replay(10_000),
    redis_burst(5, 100),
    redis_paced(10, 1.5),
    relay_burst(5, 200),
    relay_paced(10, 1),
    relay_idle(20),
    relay_first(20, 10),
    relay_open(50, 10),
    *(growth(readers, 1) for readers in GROWTH[:2]),
)
NAMES = tuple(dict.fromkeys(work.name.split("-")[0] for work in WORKS)) + tuple(
    work.name for work in WORKS if "-" in work.name
)


def named(names: Tuple[str, ...], works: Tuple[Work, ...]) -> Tuple[Work, ...]:
    """Those of these names. The first word of some names (``relay``) stands for all of them."""
    return tuple(work for work in works if {work.name, work.name.split("-")[0]} & set(names))

"""The works of the servers that make their events themselves."""

from __future__ import annotations

from dataclasses import replace

from .metrics import CPU, CPU_A_STREAM, CPU_WHILE_OPEN, FIRST, FIRST_MEDIAN, LATENCY, MEMORY
from .servers import GROWING, OPENED
from .work import Work, counted

OPENING_SECONDS = 1.013  # readers of paced streams come one by one, not in step with the tokens
TOKENS_A_SECOND = 20
SILENCE_SECONDS = 3600
SHORT_SECONDS = 1.0
COMING_A_SECOND = 400.0
"""Readers of growing streams come so slowly that every server keeps up with opening them."""


def read_to_the_end(readers: int, events: int, spread: float = 0.0) -> Work:
    """Readers of a burst. Its text is known beforehand."""
    path = f"/burst?n={events}"
    text = counted(events)
    return Work("warm-up", "", path, readers, spread=spread, events=events, text=text)


FEW = read_to_the_end(readers=5, events=20)


def burst(readers: int, events: int) -> Work:
    """As fast as it goes. The warm-up is the same work: so a compiler has done its part."""
    warm_up = read_to_the_end(readers, events)
    about = f"{readers:,} readers × {events:,} events"
    metrics = (CPU, FIRST)
    return replace(warm_up, name="burst", about=about, metrics=metrics, warm_up=warm_up)


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


def growth(readers: int, seconds: float) -> Work:
    """Many open streams, each with one event a second."""
    about = f"{readers:,} readers × 1 event/s, {seconds:g} s"
    spread = max(OPENING_SECONDS, readers / COMING_A_SECOND)
    return Work(
        f"growth-{readers}", about, "/paced?n=1000000&gap=1", readers, (CPU_WHILE_OPEN,), GROWING,
        spread=spread, hold=seconds, warm_up=FEW,
    )  # fmt: skip


def opening(streams: int, events: int) -> Work:
    """Streams that are opened and read by a call of the WSGI app, without sockets."""
    about = f"{streams:,} streams × {events} events at a time, called as WSGI apps"
    return Work("opening", about, f"/burst?n={events}", streams, (CPU_A_STREAM,), OPENED)

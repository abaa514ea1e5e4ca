"""Checks that every server did the same work: the same bytes, all of the events."""

from __future__ import annotations

from fnmatch import fnmatchcase
from typing import Callable, Dict, List

from .servers import Server
from .works import Work, message

SAMPLE = 300


def check_bytes(server: Server, body: Callable[[str], bytes]) -> None:
    """A sample of its events is, byte for byte, the server's ``framing`` of the same messages."""
    blocks = body(f"/burst?n={SAMPLE}").split(b"\n\n")
    said = (block for block in blocks if message("") not in block)  # an opening has no text
    events = [block.decode() for block in said if b'"ended":false' in block]
    expected = [frame(server, str(number)) for number in range(SAMPLE)]
    if len(events) != SAMPLE:
        raise SystemExit(f"benchmarks: {server.name} sent {len(events)} of {SAMPLE} events")
    for event, pattern in zip(events, expected):
        if not same_lines(event, pattern):
            raise SystemExit(f"benchmarks: {server.name} sent {event!r} for {pattern!r}")


def frame(server: Server, text: str) -> List[str]:
    """The lines of one event; a line that ends in ``*`` may end in anything."""
    return [line.format(message(text).decode()) for line in server.framing]


def same_lines(event: str, pattern: List[str]) -> bool:
    lines = event.split("\n")
    return len(lines) == len(pattern) and all(
        line == wanted or ("*" in wanted and fnmatchcase(line, wanted))
        for line, wanted in zip(lines, pattern)
    )


def check_counts(server: Server, work: Work, done: Dict[str, float]) -> None:
    """Every reader had every event, and the data of all of them has the expected size."""
    if not work.events:
        return
    everything = work.events * work.readers
    if done["events"] != everything:
        raise SystemExit(f"benchmarks: {server.name} sent {done['events']} of {everything} events")
    if done["fewest"] != work.events:
        raise SystemExit(f"benchmarks: {server.name} sent some readers more events than others")
    if work.payload and done["payload"] != work.payload:
        raise SystemExit(
            f"benchmarks: {server.name} sent {done['payload']} bytes of data, not {work.payload}"
        )

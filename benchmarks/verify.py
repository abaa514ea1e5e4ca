"""Checks that every server did the same work: the same bytes, all of the events, in their order."""

from __future__ import annotations

import json
from fnmatch import fnmatchcase
from typing import Any, Callable, Dict, List

from .servers import Server
from .work import CHAT, Work, chat_request, counted

SAMPLE = 300


def check_sample(server: Server, work: Work, body: Callable[..., bytes]) -> None:
    """A sample of the server's events is right."""
    if work.upstream:
        check_answer(server, body(CHAT, chat_request(f"burst {SAMPLE} 0")))
    else:
        check_bytes(server, body(f"/burst?n={SAMPLE}"))


def check_answer(server: Server, body: bytes) -> None:
    """A relayed answer has its text, and ends as OpenAI's do."""
    data = [line[6:] for line in body.split(b"\n") if line.startswith(b"data: ")]
    parts = (json.loads(part)["choices"] for part in data if part != b"[DONE]")
    choices = [choices[0] for choices in parts if choices]  # the part with the usage has none
    text = "".join(choice["delta"].get("content") or "" for choice in choices)
    reasons = [choice["finish_reason"] for choice in choices if choice.get("finish_reason")]
    if (text, reasons, data[-1]) != (counted(SAMPLE), ["stop"], b"[DONE]"):
        raise SystemExit(f"benchmarks: {server.name} relayed {body[-500:]!r}")


def check_bytes(server: Server, body: bytes) -> None:
    """Its events are, byte for byte, the server's ``framing`` of the same messages."""
    blocks = body.split(b"\n\n")
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


def check_counts(server: Server, work: Work, done: Dict[str, Any]) -> None:
    """Every reader had every event, and all had the expected text."""
    if not work.events:
        return
    everything = work.events * work.readers
    if done["events"] != everything:
        raise SystemExit(f"benchmarks: {server.name} sent {done['events']} of {everything} events")
    if done["fewest"] != work.events:
        raise SystemExit(f"benchmarks: {server.name} sent some readers more events than others")
    if work.text and (done["text"], done["differ"]) != (hashed(work.text), 0):
        raise SystemExit(f"benchmarks: {server.name} sent another text than {work.text[:40]!r}…")


def hashed(text: str) -> str:
    """FNV-1a with 64 bits, as the client makes it of what it reads."""
    found = 14695981039346656037
    for byte in text.encode():
        found = (found ^ byte) * 1099511628211 % 2**64
    return f"{found:016x}"


def message(text: str) -> bytes:
    """The data of one event."""
    return b'{"ended":false,"message":"%b"}' % text.encode()

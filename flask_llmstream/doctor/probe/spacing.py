"""Measures whether tokens arrive one by one."""

from __future__ import annotations

import http.client
from typing import List, NamedTuple, Sequence

from ..finding import ERROR, OK, WARNING, Finding, Fix
from .connecting import reached
from .refusal import check_is_stream
from .response_headers import check_headers
from .site import Answer, Site, is_end

PATIENCE = 30
ENOUGH = 60
"""Seconds after which the count is left. The shipped counter takes nine."""
_TOO_QUICK = 0.5
"""Seconds. A count that took less shows nothing of the way between server and reader."""
_APART = 0.1
"""Seconds. Tokens at this distance were not collected."""


class Count(NamedTuple):
    """The tokens of one count that arrived.

    :ivar arrivals: the seconds from the request to each token.
    :ivar ended: whether the stream's end arrived.
    """

    arrivals: Sequence[float]
    ended: bool


class Spacing(NamedTuple):
    """How the arrivals of tokens were spread; times in seconds.

    :ivar pieces: the number of bunches. Tokens that arrive within a quarter of their average
        distance are one bunch, but never tokens that are a tenth of a second apart: a server may be
        busy for long before the first one.
    """

    tokens: int
    pieces: int
    first: float
    longest_gap: float
    last: float


def measure(site: Site) -> List[Finding]:
    """Let the chat endpoint count, and watch the tokens arrive.

    :raises CannotMeasure: the endpoint does not count.
    """
    with reached(site), site.request("POST", site.chat, PATIENCE, b"{}") as answer:
        check_is_stream(answer, site.origin + site.chat)
        count = _listen(answer)
    return [judged(count, answer.headers.get("Server") or ""), *check_headers(answer)]


def _listen(answer: Answer) -> Count:
    arrivals: List[float] = []
    try:
        for seconds, event in answer.events(until=ENOUGH):
            if is_end(event):
                return Count(arrivals, True)
            arrivals.append(seconds)
    except (OSError, http.client.HTTPException):
        return Count(arrivals, False)
    return Count(arrivals, False)


def spacing_of(arrivals: Sequence[float]) -> Spacing:
    """How these arrivals were spread. There must be at least one."""
    gaps = [later - sooner for sooner, later in zip(arrivals, arrivals[1:])]
    bunch = min(arrivals[-1] / len(arrivals) / 4, _APART)
    pieces = 1 + sum(gap > bunch for gap in gaps)
    return Spacing(len(arrivals), pieces, arrivals[0], max(gaps, default=0.0), arrivals[-1])


def judged(count: Count, server: str) -> Finding:
    """The finding for one count.

    :param server: the ``Server`` header of the answer.
    """
    if not count.arrivals:
        return Finding("spacing", ERROR, "the stream had no token in it", "Its log should say why.")
    spacing = spacing_of(count.arrivals)
    figures = {**spacing._asdict(), "ended": count.ended}
    if not count.ended:
        seen = f"the count was cut off after {spacing.tokens} tokens and {spacing.last:.1f} s"
        why = "Answers are cut off like that too."
        return Finding("spacing", ERROR, seen, why, figures=figures)
    if spacing.last < _TOO_QUICK:
        seen = f"{spacing.tokens} tokens in {spacing.last:.2f} s; that shows nothing"
        why = "The counter here does not wait; the one that comes by itself takes a second a token."
        return Finding("spacing", WARNING, seen, why, figures=figures)
    return _spread(spacing, server, figures)


def _spread(spacing: Spacing, server: str, figures: "dict[str, object]") -> Finding:
    if spacing.pieces > spacing.tokens / 2:
        seen = (
            f"{spacing.tokens} tokens came one by one, the first after {spacing.first:.2f} s, the "
            f"longest wait {spacing.longest_gap:.2f} s"
        )
        return Finding("spacing", OK, seen, figures=figures)
    how = "all at once" if spacing.pieces == 1 else f"in {spacing.pieces} lumps"
    seen = f"{spacing.tokens} tokens came {how}, the first after {spacing.first:.1f} s"
    why = "Something on the way collects the answer; its readers look at an empty page meanwhile."
    return Finding("spacing", ERROR, seen, why, _unbuffered(server), figures)


def _unbuffered(server: str) -> Fix:
    if server.startswith("nginx"):
        return Fix("proxy_buffering off;", "nginx's location of the application")
    by = f", which calls itself {server}" if server else ""
    return Fix("no buffering and no compression of text/event-stream", f"the proxy{by}")

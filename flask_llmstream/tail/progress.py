"""The words of the progress line and of the last line. Pure."""

from __future__ import annotations

from typing import List, Optional

from .arrivals import Arrivals

_LONG_SILENCE = 1.0
"""Seconds after which the line says that nothing comes."""


def duration(seconds: float) -> str:
    """A time as people read it: ``4.2 ms``, ``412 ms``, ``1.3 s``, ``250 s``."""
    if seconds < 0.00995:
        return f"{seconds * 1000:.1f} ms"
    if seconds < 0.9995:
        return f"{seconds * 1000:.0f} ms"
    return f"{seconds:.1f} s" if seconds < 99.95 else f"{seconds:.0f} s"


def progress(doing: str, arrivals: Arrivals, now: float, reason: str = "") -> str:
    """What the line says while the answer comes.

    :param doing: what is waited for, such as ``reconnecting``; between tokens ``silent``, which is
        told after a second.
    :param reason: why; it comes last, because it may be too long for the line.
    """
    silence = arrivals.silent_for(now)
    tells = doing != "silent" or silence >= _LONG_SILENCE
    waits = [f"{doing} {silence:.1f} s"] if tells else []
    return " | ".join([*waits, *_figures(arrivals), *([reason] if reason else [])])


def summary(
    reason: str, arrivals: Arrivals, seconds: float, usage: Optional[str] = None
) -> str:
    """The last line.

    :param reason: how the answer ended, such as ``complete``.
    :param seconds: from the request to the end.
    :param usage: what it cost; ``None`` where nobody said.
    """
    figures = _figures(arrivals)
    if not arrivals.tokens:
        figures.insert(0, "no tokens")
    told = [f"{reason} in {duration(seconds)}", *figures]
    return " | ".join([*told, *([usage] if usage else [])])


def _figures(arrivals: Arrivals) -> List[str]:
    told = []
    if arrivals.first_after is not None:
        told += [f"first {duration(arrivals.first_after)}", counted(arrivals.tokens, "token")]
    if arrivals.rate is not None:
        told += [f"{_number(arrivals.rate)}/s", f"longest gap {duration(arrivals.longest_gap)}"]
    if arrivals.reconnects:
        told.append(counted(arrivals.reconnects, "reconnect"))
    return told


def counted(count: int, noun: str) -> str:
    """``1 token``, ``2 tokens``."""
    return f"{count} {noun}" + ("" if count == 1 else "s")


def _number(number: float) -> str:
    return f"{number:.1f}" if number < 99.95 else f"{number:.0f}"

"""``drain()``: before a server stops, it takes no new streams and lets those that run end.

Call it where the streams are read: on a greenlet of their hub, or on any thread where each stream
has a thread.
"""

from __future__ import annotations

from time import monotonic
from typing import Callable, Sequence

from ..runtime.runtime import pause
from .limits import StreamLimiter

DRAIN_SECONDS = 7.0
"""How long streams may take to end by themselves. All is over before Docker kills, after 10 s."""

FAREWELL_SECONDS = 2.0
"""How long the last readers may take to receive the end."""

_LOOK_SECONDS = 0.05


def drain(all_slots: Sequence[StreamLimiter], seconds: float) -> int:
    """Refuse new streams with 503, wait for those that run, end the rest with ``shutdown``.

    Blocks for ``seconds`` at most, and :data:`FAREWELL_SECONDS` more.

    :returns: how many streams had to be ended.
    """
    for slots in all_slots:
        slots.close()
    wait_for_ends(all_slots, seconds)
    rest = [stream for slots in all_slots for stream in slots.streams]
    for stream in rest:
        stream.shut_down()
    # A stream that has just ended by itself has no slot; its reader may still lack the end.
    _wait_while(lambda: any(slots.still_read for slots in all_slots), FAREWELL_SECONDS)
    return len(rest)


def wait_for_ends(all_slots: Sequence[StreamLimiter], seconds: float) -> None:
    """Wait until no stream runs, ``seconds`` at most."""
    _wait_while(lambda: any(slots.taken for slots in all_slots), seconds)


def _wait_while(condition: Callable[[], bool], seconds: float) -> None:
    deadline = monotonic() + seconds
    while condition() and monotonic() < deadline:
        pause(_LOOK_SECONDS)

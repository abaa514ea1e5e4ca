"""``Summary``: what a stream was, told once at its end.

Ground floor: standard library only, no I/O.
"""

from __future__ import annotations

from typing import NamedTuple, Optional

from .exceptions.failure import Failure
from .records import Usage

MAX_TEXT = 1_000_000
"""How many characters of an answer its summary keeps."""


class Summary(NamedTuple):
    """What a stream was, told once at its end.

    :ivar id: the stream's.
    :ivar reason: ``complete``, ``error``, ``timeout``, ``disconnect``, ``cancelled``,
        ``overflow`` or ``shutdown``.
    :ivar items: how many items the producer sent.
    :ivar lost: how many of them the reader never got for want of room; the overflow strategy
        chose so.
    :ivar bytes: how many bytes the others were. Neither here nor in ``text`` is what waits in the
        slot of ``latest`` at the producer's end: it becomes bytes when the reader comes to it.
    :ivar first_event_seconds: from the start to the first frame sent, ``None`` without one.
    :ivar seconds: from the start to the producer's end.
    :ivar usage: what the model's server counted, ``None`` where nobody did.
    :ivar text: the text deltas, joined; at most :data:`MAX_TEXT` characters, and ``""`` where
        nobody asked (no ``on_finish``).
    :ivar failure: what the client was told, ``None`` after a good end.
    :ivar error: the exception behind it, if there was one.
    """

    id: str
    reason: str
    items: int
    lost: int
    bytes: int
    first_event_seconds: Optional[float]
    seconds: float
    usage: Optional[Usage]
    text: str
    failure: Optional[Failure]
    error: Optional[BaseException]

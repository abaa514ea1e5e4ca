"""A stream's ID, and the event IDs of its opening and end. A reader who comes back sends the last.

Standard library only, no I/O.
"""

from __future__ import annotations

import os
import re
from typing import Optional

_OURS = re.compile(r"[0-9a-f]{32}:(\d+|ended)")


def new_stream_id() -> str:
    """An ID for a stream, which can't be guessed."""
    return os.urandom(16).hex()


def opening_id(stream_id: str) -> str:
    """The last event ID of a reader who has seen the opening and no end."""
    return f"{stream_id}:0"


def ended_id(stream_id: str) -> str:
    """The last event ID of a reader who has seen the end."""
    return f"{stream_id}:ended"


def has_seen_end(last_event_id: str) -> Optional[bool]:
    """Whether the reader has seen the end; ``None`` where the ID is none of a stream's own."""
    ours = _OURS.fullmatch(last_event_id)
    return None if ours is None else ours.group(1) == "ended"

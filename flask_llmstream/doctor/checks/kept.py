"""The check of streams that are kept: does each process find what the others keep?"""

from __future__ import annotations

from typing import Iterator

from ...replay.storages import MEMORY
from ..facts import Facts
from ..finding import ERROR, OK, Finding


def kept(facts: Facts) -> Iterator[Finding]:
    """Finds several processes of which each keeps its streams for itself. It sees the option for
    the whole application, not that of one view."""
    if facts.options.reconnect != "resume":
        return
    storage, gunicorn = facts.settings.replay_url, facts.gunicorn
    is_shared = storage != MEMORY and getattr(storage, "is_shared", True)
    workers = 1 if gunicorn is None else gunicorn.workers
    if is_shared:
        yield Finding("kept-streams", OK, "each process finds the streams that the others keep")
    elif workers > 1:
        seen = f"gunicorn has {workers} processes, of which each keeps its streams for itself"
        why = "Readers who come back to another are told that their answer is kept no more."
        fix = facts.config("REPLAY_URL", "redis://localhost")
        yield Finding("kept-streams", ERROR, seen, why, fix)
    else:
        seen = "streams are kept in their process; a second one needs LLMSTREAM_REPLAY_URL"
        yield Finding("kept-streams", OK, seen)

"""Other names of streams that are kept, which clients give: the ID of a chat. Of several streams of
one owner, the newest has the name."""

from __future__ import annotations

from hashlib import sha256
from typing import Optional

from ..sse.json import json_bytes
from .current import Current
from .owner import LEAST_CHARS, NOBODY, namespace_of, owners_of
from .state import state_of


def alias_note(here: Current, alias: str) -> str:
    """The key of the note with the ID of the stream that gets this name; ``""`` where it gets
    none."""
    return _note(namespace_of(here), alias)


def stream_of_alias(here: Current, alias: str) -> Optional[str]:
    """The ID of the newest stream of this name, among those for whose owners the current request
    speaks; ``None`` for none."""
    storage = state_of(here.app).replay
    for owner in dict.fromkeys((namespace_of(here), *owners_of(here), NOBODY)):
        note = _note(owner, alias)
        found = storage.note(note) if note else None
        if found is not None:
            return found
    return None


def _note(owner: str, alias: str) -> str:
    if not alias or (owner == NOBODY and len(alias) < LEAST_CHARS):
        return ""
    return f"alias:{sha256(json_bytes([owner, alias])).hexdigest()}"

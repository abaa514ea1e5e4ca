"""The contract of a replay storage, for the one in memory."""

from __future__ import annotations

from flask_llmstream.replay.memory import MemoryStorage
from tests.replay.contract import ReplayContract


class TestMemoryStorage(ReplayContract):
    def new_storage(self, limits):
        return MemoryStorage(limits)

"""The contract of a replay storage, for the one in Redis."""

from __future__ import annotations

import uuid

import pytest

from flask_llmstream.replay.redis.storage import RedisStorage
from tests.replay.contract import SharedContract

LEASE = 1.0
"""Shorter than the default, so that tests need not wait for long."""


class TestRedisStorage(SharedContract):
    @pytest.fixture(autouse=True)
    def begin(self, server):
        self.url, self.prefix = server.url, uuid.uuid4().hex

    def new_storage(self, limits):
        return RedisStorage(self.url, limits, self.prefix, lease=LEASE)

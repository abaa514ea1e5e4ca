"""Fixtures of the tests with a real Redis."""

from __future__ import annotations

import contextlib
import uuid

import pytest

LEASE = 1.0
"""Seconds. Shorter than the default, so that tests need not wait for long."""


@pytest.fixture(scope="module")
def server():
    """A Redis for all tests of a file."""
    from tests.support.redis_servers import redis_server  # which needs Redis

    with redis_server() as server:
        yield server


@pytest.fixture
def prefix():
    """Begins the names of one test's keys."""
    return uuid.uuid4().hex


@pytest.fixture
def storage_of(prefix):
    """Make the storage of one more process."""
    from flask_llmstream.replay.base import Limits
    from flask_llmstream.replay.redis.storage import RedisStorage  # which needs redis-py

    with contextlib.ExitStack() as stack:

        def storage_of(server, **options):
            options = {"lease": LEASE, "prefix": prefix, **options}
            storage = RedisStorage(server.url, Limits(), **options)
            stack.callback(storage.close)
            return storage

        yield storage_of

"""Fixtures of the tests with a real Redis."""

from __future__ import annotations

import uuid

import pytest


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

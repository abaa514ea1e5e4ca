"""``tail``: the command, called in this process."""

from __future__ import annotations

import pytest

from tests.tail.calls import Caller


@pytest.fixture
def tail(capfdbinary):
    """Call the command with these arguments: its exit status, stdout and stderr."""
    return Caller(capfdbinary)

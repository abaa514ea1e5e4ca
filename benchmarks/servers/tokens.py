"""What the two servers on greenlets share: the tokens that a model would yield, and the backlog."""

from __future__ import annotations

import time
from typing import Iterator

BACKLOG = 2048
"""Connections that may wait for the server: uvicorn's default, for all servers."""


def burst(n: int) -> Iterator[str]:
    for number in range(n):
        yield str(number)


def paced(n: int, gap: float) -> Iterator[str]:
    for _ in range(n):
        yield f"at {time.monotonic_ns()}"
        time.sleep(gap)  # patched: the greenlet's own

"""The generators of the two servers that run on greenlets: what a model would yield."""

from __future__ import annotations

import time
from typing import Iterator


def burst(n: int) -> Iterator[str]:
    for number in range(n):
        yield str(number)


def paced(n: int, gap: float) -> Iterator[str]:
    for _ in range(n):
        yield f"at {time.monotonic_ns()}"
        time.sleep(gap)  # patched: the greenlet's own

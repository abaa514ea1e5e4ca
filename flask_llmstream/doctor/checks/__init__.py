"""The checks: each is a function that takes the facts and gives its findings."""

from __future__ import annotations

from typing import Callable, Iterable, List, Tuple

from ..facts import Facts
from ..finding import Finding
from .application import compression, heartbeat, liveness, reloader, routes
from .gunicorn import connections, draining, http2, preload, recycling, starts, timeout
from .kept import kept
from .patching import late_patching, partial_patching
from .views import body_readers, caching, collecting, misplaced
from .worker import worker

Check = Callable[[Facts], Iterable[Finding]]

IN_THE_PROCESS: Tuple[Check, ...] = (
    worker, late_patching, partial_patching, compression, collecting, body_readers, caching,
    misplaced, heartbeat, liveness, routes, kept,
)  # fmt: skip
"""The checks that a process can run on itself, also while it serves."""
OF_THE_CONFIGURATION: Tuple[Check, ...] = (
    starts, *IN_THE_PROCESS, timeout, connections, http2, preload, draining, recycling, reloader,
)  # fmt: skip
"""All checks. The command line runs them."""


def examine(facts: Facts, checks: Iterable[Check]) -> List[Finding]:
    """The findings of these checks."""
    return [finding for check in checks for finding in check(facts)]

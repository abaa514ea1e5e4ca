"""``eventually``: waits for a condition of which no event tells."""

from __future__ import annotations

from time import monotonic
from typing import Any, Callable

from flask_llmstream.runtime.runtime import pause
from tests.support.runtimes import HANG_GUARD


def eventually(condition: Callable[[], Any], patience: float = HANG_GUARD) -> Any:
    """Wait until a condition is true, and return what it returned.

    :param patience: seconds after which the test fails. Nothing is measured by it.
    """
    deadline = monotonic() + patience
    while True:
        result = condition()
        if result:
            return result
        assert monotonic() < deadline, "it did not come true"
        pause(0.005)

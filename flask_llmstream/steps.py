"""The steps of an end, each of which is done though another raises.

Ground floor: standard library only, no I/O.
"""

from __future__ import annotations

from typing import Callable


def each(*steps: Callable[[], object]) -> None:
    """Do these steps in their order.

    :raises BaseException: what the last one of those that raised has raised, behind the others.
    """
    rest = iter(steps)
    for step in rest:
        try:
            step()
        except BaseException:
            each(*rest)
            raise

"""The steps of an end, each of which is done though another raises.

Ground floor: standard library only, no I/O.
"""

from __future__ import annotations

from typing import Callable

Step = Callable[[], object]


def _plainly(step: Step) -> None:
    step()


def run_all(*steps: Step, by: Callable[[Step], object] = _plainly) -> None:
    """Do these steps in their order.

    :param by: is given each step, to call it. Default: it is called as it is.
    :raises BaseException: what the last one of those that raised has raised, behind the others.
    """
    rest = iter(steps)
    for step in rest:
        try:
            by(step)
        except BaseException:
            run_all(*rest, by=by)
            raise

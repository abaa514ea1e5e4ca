"""``run_all``: runs all steps of an end, also when one raises.

Standard library only, no I/O.
"""

from __future__ import annotations

from typing import Callable, Optional

Step = Callable[[], object]


def run_all(*steps: Step, by: Optional[Callable[[Step], object]] = None) -> None:
    """Run steps in order. A step that raises does not stop the others.

    :param by: calls each step, which it gets. Default: a plain call.
    :raises BaseException: the error of the last step that raised, after all steps have run.
    """
    rest = iter(steps)
    for step in rest:
        try:
            step() if by is None else by(step)
        except BaseException:
            run_all(*rest, by=by)
            raise

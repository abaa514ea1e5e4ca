"""What an event costs while more and more streams are open, drawn."""

from __future__ import annotations

from statistics import median
from typing import Iterator, List

from .metrics import CPU_WHILE_OPEN
from .promises import Numbers
from .work import Work

STEP = "growth-"
WIDTH = 50


def is_step(work: Work) -> bool:
    return work.name.startswith(STEP)


def growth_lines(numbers: Numbers, steps: List[Work]) -> Iterator[str]:
    """A bar for each server and step, all to one scale, and how it compares with the first step."""
    medians = {
        (work, server): median(run[CPU_WHILE_OPEN.name] for run in runs)
        for (work, server), runs in numbers.items()
        if work.startswith(STEP)
    }
    scale = WIDTH / max(medians.values())
    yield f"growth: 1 event/s in each open stream – {CPU_WHILE_OPEN.name}, {CPU_WHILE_OPEN.unit}"
    for server in dict.fromkeys(server for _, server in medians):
        yield f"  {server}"
        for step in steps:
            cpu = medians[step.name, server]
            times = f"{cpu / medians[steps[0].name, server]:.2f} ×"
            yield f"  {step.readers:>8,}{cpu:>9.4g}  {times}  {'█' * round(cpu * scale)}"

"""``Finding``: the result of one check."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Dict, Iterable, Optional

OK, WARNING, ERROR = LEVELS = ("ok", "warning", "error")


@dataclass(frozen=True)
class Fix:
    """What the user must write to solve the problem.

    :param line: the line or lines, ready to be copied.
    :param where: the file or place that they belong to.
    """

    line: str
    where: str


@dataclass(frozen=True)
class Finding:
    """The result of one check. Its fields are the fields of the doctor's JSON.

    :param check: the name of the check, a stable word for programs.
    :param level: ``ok``, ``warning`` (it works now and will fail some day) or ``error`` (readers
        will see it fail).
    :param seen: what was seen, without a full stop.
    :param why: why that matters, in a sentence; ``""`` where all is well.
    :param mend: the fix; ``None`` where there is none to give.
    :param figures: what was measured, for programs; times in seconds.
    """

    check: str
    level: str
    seen: str
    why: str = ""
    mend: Optional[Fix] = None
    figures: Dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.level not in LEVELS:
            raise ValueError(f"level: {self.level!r} is none of {', '.join(LEVELS)}")


class CannotMeasure(Exception):
    """There is no stream to measure at that address.

    :ivar finding: what was found instead.
    """

    def __init__(self, finding: Finding) -> None:
        super().__init__(finding.seen)
        self.finding = finding


def worst(findings: Iterable[Finding]) -> str:
    """The worst level of all; ``ok`` where there are no findings."""
    return max((finding.level for finding in findings), key=LEVELS.index, default=OK)


def exit_status(findings: Iterable[Finding], strict: bool) -> int:
    """The exit status of the command: 0 without errors, else 1.

    :param strict: whether a warning counts as an error.
    """
    return int(LEVELS.index(worst(findings)) >= LEVELS.index(WARNING if strict else ERROR))

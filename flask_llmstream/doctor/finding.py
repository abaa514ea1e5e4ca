"""``Finding``: one thing the doctor looked at, and what came of it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Dict, Iterable, Optional

OK, WARNING, ERROR = LEVELS = ("ok", "warning", "error")


@dataclass(frozen=True)
class Fix:
    """What puts it right.

    :param line: the very line, or lines.
    :param where: where it belongs.
    """

    line: str
    where: str


@dataclass(frozen=True)
class Finding:
    """One thing the doctor looked at.

    :param check: what was looked at, a stable word for programs.
    :param level: ``ok``, ``warning`` (it works, and will hurt some day) or ``error`` (readers will
        see it fail).
    :param seen: what was seen, without a full stop.
    :param why: why that matters, in a sentence. ``""`` where all is well.
    :param mend: what puts it right, where there is such a thing.
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
    """There is nothing to measure at that address.

    :ivar finding: what was found in its place.
    """

    def __init__(self, finding: Finding) -> None:
        super().__init__(finding.seen)
        self.finding = finding


def worst(findings: Iterable[Finding]) -> str:
    """The highest level among them; ``ok`` where there are none."""
    return max((finding.level for finding in findings), key=LEVELS.index, default=OK)


def exit_status(findings: Iterable[Finding], strict: bool) -> int:
    """0 where all is well, 1 where it is not.

    :param strict: whether warnings count.
    """
    return int(LEVELS.index(worst(findings)) >= LEVELS.index(WARNING if strict else ERROR))

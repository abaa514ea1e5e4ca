"""Prints the findings, for a person or for a program.

A server may have sent some of the text. It is made printable, so that it can't control a terminal.
"""

from __future__ import annotations

import json
import textwrap
from dataclasses import asdict
from typing import Any, Dict, Iterable, List, Sequence

import click

from ..exceptions.printable import printable
from .finding import ERROR, LEVELS, OK, WARNING, Finding, worst

_COLORS = {OK: "green", WARNING: "yellow", ERROR: "red"}
_WIDTH = 88
_INDENT = 10


def as_text(findings: Sequence[Finding]) -> str:
    """The findings as a person reads them: the worst first, each with the line that fixes it."""
    ordered = sorted(findings, key=lambda finding: -LEVELS.index(finding.level))
    return "\n".join([*map(_paragraph, ordered), "", _summary(findings)])


def _paragraph(finding: Finding) -> str:
    label = click.style(finding.level.ljust(_INDENT), fg=_COLORS[finding.level], bold=True)
    lines = _wrapped(f"{finding.check}: {finding.seen}.")
    if finding.why:
        lines += _wrapped(finding.why)
    if finding.mend is not None:
        lines += _wrapped(f"Mend it in {finding.mend.where}:")
        lines += [
            " " * (_INDENT + 4) + click.style(printable(line), bold=True)
            for line in finding.mend.line.splitlines()
        ]
    return label + "\n".join(lines)[_INDENT:] + ("\n" if finding.level != OK else "")


def _wrapped(text: str) -> List[str]:
    indent = " " * _INDENT
    return textwrap.wrap(
        printable(text), _WIDTH, initial_indent=indent, subsequent_indent=indent,
        break_long_words=False, break_on_hyphens=False,
    )  # fmt: skip


def _summary(findings: Iterable[Finding]) -> str:
    levels = [finding.level for finding in findings]
    return ", ".join(_count(level, levels.count(level)) for level in LEVELS[::-1])


def _count(level: str, count: int) -> str:
    return f"{count} {level}" + ("" if level == OK or count == 1 else "s")


def as_json(findings: Sequence[Finding], about: Dict[str, Any], status: int) -> str:
    """The findings as one JSON object. ``docs/doctor.md`` describes it."""
    document = {
        **about,
        "status": worst(findings),
        "exit_status": status,
        "findings": [asdict(finding) for finding in findings],
    }
    return json.dumps(document, indent=2)

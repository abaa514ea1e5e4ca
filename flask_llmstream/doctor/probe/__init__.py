"""Measures through the public address: spacing, silence, leaving."""

from __future__ import annotations

from typing import Any, Callable, List

from ..finding import CannotMeasure, Finding
from . import inside, leaving, silence, spacing
from .site import Site


def examine_site(site: Site, seconds: float, tell: Callable[[str], None]) -> List[Finding]:
    """What is found at a site.

    :param seconds: how much silence is tried, twice.
    :param tell: told what is being done, as it takes its time.
    :raises CannotMeasure: there is no chat endpoint.
    """
    tell("Counting to ten, a second each …")
    findings = spacing.measure(site)
    if not site.has_token:
        return [*findings, inside.NOT_ASKED]
    said = inside.ask(site)
    if said is None:
        return [*findings, inside.NOT_ANSWERED]
    findings += said.findings
    tell(f"Silence, for {seconds:g} seconds …")
    findings.append(_measured(silence.measure, site, seconds, said.heartbeat))
    tell(f"Leaving, and up to {seconds:g} seconds until somebody notices …")
    findings.append(_measured(leaving.measure, site, seconds, said.heartbeat, said.server))
    return findings


def _measured(measure: Callable[..., Finding], *arguments: Any) -> Finding:
    """What was measured, or why it was not, as the rest could be."""
    try:
        return measure(*arguments)
    except CannotMeasure as error:
        return error.finding

"""Measures a running site through its public address: spacing, silence, leaving."""

from __future__ import annotations

from typing import Any, Callable, List

from ..finding import CannotMeasure, Finding
from . import leaving, server, silence, spacing
from .site import Site


def examine_site(
    site: Site, seconds: float, show_progress: Callable[[str], None]
) -> List[Finding]:
    """The findings at a site.

    :param seconds: the length of each of the two silences.
    :param show_progress: called with a line before each measurement, which takes some seconds.
    :raises CannotMeasure: there is no chat endpoint.
    """
    show_progress("Counting to ten, a second each …")
    findings = spacing.measure(site)
    if not site.has_token:
        return [*findings, server.NOT_ASKED]
    said = server.ask(site)
    if said is None:
        return [*findings, server.NOT_ANSWERED]
    findings += said.findings
    show_progress(f"Silence, for {seconds:g} seconds …")
    findings.append(_measured(silence.measure, site, seconds, said.heartbeat))
    show_progress(f"Leaving, and up to {seconds:g} seconds until somebody notices …")
    findings.append(_measured(leaving.measure, site, seconds, said.heartbeat, said.server))
    return findings


def _measured(measure: Callable[..., Finding], *arguments: Any) -> Finding:
    """The finding, or the reason why there is none: the other measurements go on."""
    try:
        return measure(*arguments)
    except CannotMeasure as error:
        return error.finding

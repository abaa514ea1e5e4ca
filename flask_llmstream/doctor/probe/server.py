"""Asks the serving process for its own findings. It answers where it shares the doctor's token."""

from __future__ import annotations

from typing import Any, Dict, List, NamedTuple, Optional

from ..finding import WARNING, Finding, Fix
from .connecting import reached
from .site import Site

_PATIENCE = 15


class ServerReport(NamedTuple):
    """The answer of a serving process.

    :ivar server: the ``Server`` header of the answer; ``""`` without one.
    :ivar heartbeat: the process's ``LLMSTREAM_HEARTBEAT``.
    :ivar findings: its findings about itself.
    """

    server: str
    heartbeat: float
    findings: List[Finding]


def ask(site: Site) -> Optional[ServerReport]:
    """The server's report; ``None`` where it has no routes for the doctor, or another token."""
    with reached(site), site.request("GET", site.doctor, _PATIENCE) as answer:
        said: Dict[str, Any] = answer.json() if answer.status == 200 else {}
        server = answer.headers.get("Server") or ""
    if "findings" not in said:
        return None
    return ServerReport(server, said["heartbeat"], [_finding(one) for one in said["findings"]])


def _finding(said: Dict[str, Any]) -> Finding:
    fix = said["mend"] and Fix(**said["mend"])
    return Finding(**{**said, "mend": fix, "check": f"server.{said['check']}"})


_TOKEN = Fix(
    'app.config["LLMSTREAM_DOCTOR_TOKEN"] = os.environ.get("LLMSTREAM_DOCTOR_TOKEN") or None',
    "the application, before init_app, and have the same secret in both environments",
)
NOT_ASKED = Finding(
    "server",
    WARNING,
    "silence, leaving and the server's own state were not looked at, for want of a token",
    "The server answers such questions only to those who share a secret with it.",
    _TOKEN,
)
NOT_ANSWERED = Finding(
    "server",
    WARNING,
    "the server has no routes for the doctor, or another token than this one",
    "So silence, leaving and its own state were not looked at.",
    _TOKEN,
)

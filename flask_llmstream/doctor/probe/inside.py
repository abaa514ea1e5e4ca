"""What the serving process says of itself, where it shares a token with the doctor."""

from __future__ import annotations

from typing import Any, Dict, List, NamedTuple, Optional

from ..finding import WARNING, Finding, Fix
from .connecting import reached
from .site import Site

_PATIENCE = 15


class Inside(NamedTuple):
    """What a serving process said.

    :ivar server: how the last server on the way calls itself.
    :ivar heartbeat: its ``LLMSTREAM_HEARTBEAT``.
    :ivar findings: what it found out about itself.
    """

    server: str
    heartbeat: float
    findings: List[Finding]


def ask(site: Site) -> Optional[Inside]:
    """What the server says, or ``None``: it has no routes for the doctor, or another token."""
    with reached(site), site.request("GET", site.doctor, _PATIENCE) as answer:
        said: Dict[str, Any] = answer.json() if answer.status == 200 else {}
        server = answer.headers.get("Server") or ""
    if "findings" not in said:
        return None
    return Inside(server, said["heartbeat"], [_finding(one) for one in said["findings"]])


def _finding(said: Dict[str, Any]) -> Finding:
    mend = said["mend"] and Fix(**said["mend"])
    return Finding(**{**said, "mend": mend, "check": f"server.{said['check']}"})


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

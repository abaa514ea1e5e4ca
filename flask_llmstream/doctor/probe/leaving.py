"""Is it noticed when a reader leaves while the model is silent?"""

from __future__ import annotations

import http.client
import socket
import threading
from contextlib import suppress
from time import monotonic
from typing import Any, Dict, Set, Tuple
from uuid import uuid4

from ..finding import ERROR, OK, WARNING, Finding, Fix
from .connecting import reached
from .refusal import check_is_stream
from .silence import silence_path
from .site import Site

_OPENING = 5
"""Seconds to wait for a stream to open, at most half of its silence. One that is held back on its
way is left all the same."""
_PAUSE = 0.3
_SOON = 3
"""Seconds, the way there and back included; what watches its clients notices within 0.2."""
LEEWAY = 10
"""Seconds beyond the silence in which the server has to tell what became of the stream."""

Fate = Dict[str, Any]


def measure(site: Site, seconds: float, heartbeat: float, server: str) -> Finding:
    """Open a silent stream, leave it, and ask the server when it noticed.

    :param seconds: how long the stream is silent; when it speaks, any server notices.
    :param heartbeat: the server's own, for what it means.
    :param server: how the last server on the way calls itself.
    """
    stream_id = uuid4().hex
    path = silence_path(site, seconds, stream_id)
    stayed = _open_and_leave(site, path, min(_OPENING, seconds / 2))
    fate, processes = _fate(site, stream_id, seconds + LEEWAY)
    if fate["state"] == "unknown":
        return unknown(processes)
    return judged(fate, stayed, seconds, heartbeat, server)


def _open_and_leave(site: Site, path: str, patience: float) -> float:
    """How many seconds after its stream had begun the reader left."""
    began = monotonic()
    with reached(site), suppress(socket.timeout):
        with site.request("GET", path, patience) as answer:
            check_is_stream(answer, site.origin + path)
            next(answer.events(until=patience), None)
            began = monotonic()
    return monotonic() - began


def _fate(site: Site, stream_id: str, patience: float) -> Tuple[Fate, int]:
    """What the server says of a stream, once it has ended; and how many processes were asked.

    Each process knows its own streams alone, so it is asked, on ever new connections, until the
    one answers that knows it.
    """
    deadline = monotonic() + patience
    processes: Set[Any] = set()
    fate: Fate = {"state": "unknown"}
    pause = threading.Event()
    while monotonic() < deadline and fate["state"] != "closed":
        said = _ask(site, f"{site.doctor}/streams/{stream_id}")
        processes.update([said["process"]] if "process" in said else [])
        if said.get("state", "unknown") != "unknown":
            fate = said
        pause.wait(_PAUSE)
    return fate, len(processes)


def _ask(site: Site, path: str) -> Fate:
    try:
        with site.request("GET", path, LEEWAY) as answer:
            said: Fate = answer.json() if answer.status == 200 else {}
            return said
    except (OSError, http.client.HTTPException):
        return {}  # busy with the stream; it is asked once more


def unknown(processes: int) -> Finding:
    """No process that was asked knew the stream."""
    seen = f"not measured: of the {processes} processes that answered none knew the stream"
    return Finding("leaving", WARNING, seen, "Try it once more.")


def judged(fate: Fate, stayed: float, silent: float, heartbeat: float, server: str) -> Finding:
    """What the fate of a stream means whose reader left.

    :param stayed: how many seconds after its beginning the reader left.
    :param server: how the last server on the way calls itself.
    """
    figures: Dict[str, Any] = {"silent": silent, "heartbeat": heartbeat}
    if fate["state"] == "closed" and fate["reason"] == "disconnect":
        return _noticed(max(0.0, fate["seconds"] - stayed), server, figures)
    seen = f"a reader who left was not noticed in {silent:g} s of silence"
    mend = _mend(server)
    if not heartbeat:
        why = "There are no heartbeats, so the model works for nobody until its next token."
        return Finding("leaving", ERROR, seen, why, mend, figures)
    why = f"The model works for nobody until a heartbeat fails; one comes every {heartbeat:g} s."
    return Finding("leaving", WARNING, seen, why, mend, figures)


def _noticed(after: float, server: str, figures: Dict[str, Any]) -> Finding:
    figures["noticed_after"] = after
    if after < _SOON:
        seen = f"noticed within {after + 0.05:.1f} s, while the model was silent"
        return Finding("leaving", OK, seen, figures=figures)
    seen = f"a reader who left was noticed only after {after:.1f} s"
    why = "The model works for nobody meanwhile. Perhaps silence was cut off then, no more."
    return Finding("leaving", WARNING, seen, why, _mend(server), figures)


def _mend(server: str) -> Fix:
    if server.startswith("nginx"):
        return Fix("proxy_ignore_client_abort off;", "nginx's location of the application")
    if server.startswith("Apache"):  # it notices where it writes, and has no option about it
        return Fix('app.config["LLMSTREAM_HEARTBEAT"] = 5', "the application, before init_app")
    return Fix("option abortonclose", "HAProxy's section of the site, where that is the proxy")

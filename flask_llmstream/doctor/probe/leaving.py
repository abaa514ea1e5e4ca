"""Measures whether the server notices a reader who leaves while the model is silent."""

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
"""Seconds to wait for a stream to open; at most half of its silence. After them the doctor leaves,
also a stream that something on the way holds back."""
_PAUSE = 0.3
_SOON = 3
"""Seconds, with the way there and back. A server that watches its clients notices within 0.2."""
LEEWAY = 10
"""Seconds after the silence within which the server must tell how the stream ended."""

Fate = Dict[str, Any]


def measure(site: Site, seconds: float, heartbeat: float, server: str) -> Finding:
    """Open a silent stream, leave it, and ask the server when it noticed.

    :param seconds: how long the stream is silent. When it sends again, any server notices.
    :param heartbeat: the server's ``LLMSTREAM_HEARTBEAT``, for the judgement.
    :param server: the ``Server`` header of the site's answers.
    """
    stream_id = uuid4().hex
    path = silence_path(site, seconds, stream_id)
    stayed = _open_and_leave(site, path, min(_OPENING, seconds / 2))
    fate, processes = _fate(site, stream_id, seconds + LEEWAY)
    if fate["state"] == "unknown":
        return unknown(processes)
    return judged(fate, stayed, seconds, heartbeat, server)


def _open_and_leave(site: Site, path: str, patience: float) -> float:
    """Leaves a stream, and gives the seconds between its beginning and that."""
    began = monotonic()
    with reached(site), suppress(socket.timeout):
        with site.request("GET", path, patience) as answer:
            check_is_stream(answer, site.origin + path)
            next(answer.events(until=patience), None)
            began = monotonic()
    return monotonic() - began


def _fate(site: Site, stream_id: str, patience: float) -> Tuple[Fate, int]:
    """How a stream ended, as the server tells it, and how many processes answered.

    A process knows only its own streams. So the question is asked on new connections, until the
    process of this stream answers.
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
        return {}  # perhaps busy with the stream; the caller asks again


def unknown(processes: int) -> Finding:
    """The finding where no process that answered knew the stream."""
    seen = f"not measured: of the {processes} processes that answered none knew the stream"
    return Finding("leaving", WARNING, seen, "Try it once more.")


def judged(fate: Fate, stayed: float, silent: float, heartbeat: float, server: str) -> Finding:
    """The finding for a stream whose reader left.

    :param stayed: the seconds from the stream's beginning until the reader left.
    :param server: the ``Server`` header of the site's answers.
    """
    figures: Dict[str, Any] = {"silent": silent, "heartbeat": heartbeat}
    if fate["state"] == "closed" and fate["reason"] == "disconnect":
        return _noticed(max(0.0, fate["seconds"] - stayed), server, figures)
    seen = f"a reader who left was not noticed in {silent:g} s of silence"
    fix = _fix_for(server)
    if not heartbeat:
        why = "There are no heartbeats, so the model works for nobody until its next token."
        return Finding("leaving", ERROR, seen, why, fix, figures)
    why = f"The model works for nobody until a heartbeat fails; one comes every {heartbeat:g} s."
    return Finding("leaving", WARNING, seen, why, fix, figures)


def _noticed(after: float, server: str, figures: Dict[str, Any]) -> Finding:
    figures["noticed_after"] = after
    if after < _SOON:
        seen = f"noticed within {after + 0.05:.1f} s, while the model was silent"
        return Finding("leaving", OK, seen, figures=figures)
    seen = f"a reader who left was noticed only after {after:.1f} s"
    why = "The model works for nobody meanwhile. Perhaps silence was cut off then, no more."
    return Finding("leaving", WARNING, seen, why, _fix_for(server), figures)


def _fix_for(server: str) -> Fix:
    if server.startswith("nginx"):
        return Fix("proxy_ignore_client_abort off;", "nginx's location of the application")
    if server.startswith("Apache"):  # it notices when it writes, and has no option for more
        return Fix('app.config["LLMSTREAM_HEARTBEAT"] = 5', "the application, before init_app")
    return Fix("option abortonclose", "HAProxy's section of the site, where that is the proxy")

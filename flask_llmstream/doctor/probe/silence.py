"""Measures whether a stream survives a silence."""

from __future__ import annotations

import http.client
import math
from contextlib import suppress
from typing import NamedTuple, Optional
from uuid import uuid4

from ..finding import ERROR, OK, WARNING, Finding, Fix
from .connecting import reached
from .refusal import check_is_stream
from .site import Answer, Site, is_end

LEEWAY = 10
"""Seconds after the silence within which its end must come."""
_WHOLE = 0.9
"""Two tokens that come closer together than this share of the silence were held back."""


class Silence(NamedTuple):
    """The result of one silence.

    :ivar lasted: the seconds of silence that were heard.
    :ivar outcome: ``survived``, ``cut``, ``lost`` (no end and no error came), or ``held`` (the
        token before the silence came together with the token after it).
    """

    lasted: float
    outcome: str


def measure(site: Site, seconds: float, heartbeat: float) -> Finding:
    """Have the server be silent between two tokens, without heartbeats.

    :param heartbeat: the server's ``LLMSTREAM_HEARTBEAT``, for the judgement.
    """
    path = silence_path(site, seconds, uuid4().hex)
    with reached(site), site.request("GET", path, seconds + LEEWAY) as answer:
        check_is_stream(answer, site.origin + path)
        silence = _listen(answer, seconds)
    return judged(silence, seconds, heartbeat)


def silence_path(site: Site, seconds: float, stream_id: str) -> str:
    """The path of a silent stream."""
    return f"{site.doctor}/silence?seconds={seconds:g}&id={stream_id}"


def _listen(answer: Answer, asked: float) -> Silence:
    first: Optional[float] = None
    with suppress(OSError, http.client.HTTPException):  # a cut, or nothing in time
        for now, event in answer.events(until=asked + LEEWAY):
            if is_end(event):
                break
            if first is not None:
                lasted = now - first
                return Silence(lasted, "survived" if lasted > asked * _WHOLE else "held")
            first = now
    heard = answer.elapsed() - (first or 0.0)
    return Silence(heard, "cut" if heard < asked else "lost")


def judged(silence: Silence, asked: float, heartbeat: float) -> Finding:
    """The finding for a silence, given the server's heartbeat.

    :param asked: the seconds of silence that the server was asked for.
    """
    lasted = min(silence.lasted, asked)
    figures = {"asked": asked, "lasted": lasted, "outcome": silence.outcome, "heartbeat": heartbeat}
    if silence.outcome == "held":
        seen = "not measured: the token before the silence was held back until after it"
        return Finding("silence", WARNING, seen, "See what came of the spacing.", figures=figures)
    if silence.outcome == "survived":
        return _survived(lasted, heartbeat, figures)
    ended = "cut off" if silence.outcome == "cut" else "lost without a word"
    seen = f"{ended} after {lasted:.1f} s"
    if 0 < heartbeat < lasted:
        seen += f"; a heartbeat comes every {heartbeat:g} s, which keeps streams from that"
        return Finding("silence", OK, seen, figures=figures)
    why = f"{_beats(heartbeat)}, so answers end there while the model thinks."
    return Finding("silence", ERROR, seen, why, _beat_every(max(1, int(lasted / 2))), figures)


def _survived(lasted: float, heartbeat: float, figures: "dict[str, object]") -> Finding:
    seen = f"survived {math.floor(lasted * 10) / 10:g} s; {_beats(heartbeat).lower()}"
    if 0 < heartbeat <= lasted:
        return Finding("silence", OK, seen, figures=figures)
    why = "Whether a longer silence survives was not tried."
    fix = _beat_every(15)
    if heartbeat:
        fix = Fix(f"flask llmstream doctor --url … --silence {heartbeat + 5:g}", "the shell")
    return Finding("silence", WARNING, seen, why, fix, figures)


def _beat_every(seconds: int) -> Fix:
    line = f'app.config["LLMSTREAM_HEARTBEAT"] = {seconds}'
    return Fix(line, "the application, before init_app")


def _beats(heartbeat: float) -> str:
    return f"A heartbeat comes every {heartbeat:g} s" if heartbeat else "There are no heartbeats"

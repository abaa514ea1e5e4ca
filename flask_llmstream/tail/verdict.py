"""``Verdict``: how the reading ended, as an exit status and in a sentence with the cure.

It imports the client's exceptions, and no library that has to be patched.
"""

from __future__ import annotations

from typing import Any, Dict, NamedTuple, Optional

from ..client.answers import AnswerEnd
from ..client.errors import (
    ConnectionFailed,
    EventSourceError,
    NotAnEventStream,
    ServerFailure,
    StreamStalled,
)

COMPLETE, FAILED, USAGE, TRUNCATED, CUT_SHORT, REFUSED, UNREACHABLE, TIMED_OUT = range(8)
UNWRITABLE = 8
INTERRUPTED = 130
UNREAD = 141
TERMINATED = 143

STATUSES = {
    COMPLETE: "the answer is whole; also where the model refused, or asks for its tools",
    FAILED: "the server told in the stream that the answer failed",
    USAGE: "a wrong option",
    TRUNCATED: "the connection broke or ended before the answer's end",
    CUT_SHORT: "the answer ended early: length, content_filter, gap, cancelled ...",
    REFUSED: "the server refused: a status that is no success, or no event stream",
    UNREACHABLE: "no connection",
    TIMED_OUT: "nothing came for too long",
    UNWRITABLE: "the output can't be written: no space left",
    INTERRUPTED: "ended by Ctrl-C",
    UNREAD: "nobody reads the output any more, as with | head",
    TERMINATED: "ended by SIGTERM",
}
"""The exit statuses. A promise: scripts rely on them. Plain ASCII: any terminal shows it."""

GOES_ON = (TRUNCATED, UNREACHABLE, TIMED_OUT, INTERRUPTED, TERMINATED)
"""The statuses behind which the server may have more of the answer."""

_WHOLE = ("complete", "refusal", "tool_calls")

_CURES = {
    401: "Say who asks: -H 'Authorization: Bearer ...', or -H 'Cookie: ...'.",
    403: "Say who asks: -H 'Authorization: Bearer ...', or -H 'Cookie: ...'.",
    404: "Is that the endpoint's path?",
    405: "--prompt, --json and --data send a POST; without them it is a GET.",
    415: "--prompt and --json send JSON; for --data say its type: -H 'Content-Type: ...'.",
}


class Verdict(NamedTuple):
    """How the reading ended.

    :ivar status: the exit status.
    :ivar reason: one or two words for the last line.
    :ivar sentence: what went wrong, and the cure; ``""`` where nothing did.
    :ivar usage: what the answer cost; ``None`` where nobody said.
    """

    status: int
    reason: str
    sentence: str = ""
    usage: Optional[str] = None


def of_end(end: Optional[AnswerEnd]) -> Verdict:
    """The verdict on a stream that has ended.

    :param end: the end of the answer; ``None`` where the stream is no answer.
    """
    if end is None:
        return Verdict(COMPLETE, "ended")
    status = COMPLETE if end.reason in _WHOLE else CUT_SHORT
    return Verdict(status, end.reason, usage=_usage(end.usage))


def of_failure(error: EventSourceError) -> Verdict:
    """The verdict on an answer that could not be had, or not whole."""
    status, reason = _kind(error)
    log = f"In the server's log it is {error.id}." if error.id else ""
    told = [as_sentence(str(error)), log, _cure(error)]
    return Verdict(status, reason, " ".join(filter(None, told)))


def as_sentence(words: str) -> str:
    """Words with a full stop, before others follow."""
    words = words.strip()
    return words if words.endswith((".", "!", "?", "…")) else f"{words}."


def _kind(error: EventSourceError) -> "tuple[int, str]":
    if isinstance(error, ServerFailure) and error.status is None:
        return FAILED, f"failed ({error.code})"
    if isinstance(error, (ServerFailure, NotAnEventStream)):
        return REFUSED, f"refused ({error.status})"
    if isinstance(error, ConnectionFailed):
        return UNREACHABLE, "no connection"
    if isinstance(error, StreamStalled):
        return TIMED_OUT, "timed out"
    return TRUNCATED, "truncated"


def _cure(error: EventSourceError) -> str:
    if error.retry_after:
        return f"Try again in {error.retry_after} s."
    if isinstance(error, StreamStalled):
        return "--alive-timeout allows a longer silence."
    if isinstance(error, NotAnEventStream):
        return "curl shows such an answer."
    if isinstance(error, ConnectionFailed):
        return _cure_for_connection(str(error.__cause__ or error))
    return _CURES.get(error.status or 0, "")


def _cure_for_connection(words: str) -> str:
    if "certificate" in words.lower():
        return "For a certificate of your own: REQUESTS_CA_BUNDLE=issuer.pem."
    return "Does the server run, and is the address right?"


def _usage(told: Optional[Dict[str, Any]]) -> Optional[str]:
    """The two counts, in whichever of its names the server gave them."""
    usage = told or {}
    names = (("prompt_tokens", "input_tokens", "in"), ("completion_tokens", "output_tokens", "out"))
    counts = [(usage.get(ours, usage.get(theirs)), word) for ours, theirs, word in names]
    known = [f"{count} {word}" for count, word in counts if type(count) is int]
    return f"usage: {', '.join(known)}" if known else None

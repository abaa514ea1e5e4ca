"""Tickets: a right to read one stream for a short time, for readers that can't show who they are.

An ``EventSource`` sends no headers of its own. So its page asks for a ticket, with its headers, and
puts that into the address. A ticket says until when it is good, and is signed together with the
stream's ID.
"""

from __future__ import annotations

from hashlib import sha256
from hmac import compare_digest
from time import time
from typing import Any, Callable, Optional

from flask import Flask, Request
from itsdangerous import Signer

from ..errors import ConfigurationError, StreamError, StreamGone, UnknownStream
from .secret_keys import secret_keys

PARAMETER = "ticket"
"""The parameter of the query that brings a ticket."""

TICKET_SECONDS = 60
"""How long a ticket is good by default."""

MAX_TICKET_SECONDS = 24 * 3600
"""The longest time that a client may ask for."""


Clock = Callable[[], float]
"""Tells the time in seconds since 1970."""


def new_ticket(app: Flask, stream_id: str, seconds: float, clock: Clock = time) -> str:
    """A ticket for one stream.

    :param seconds: how long it is good.
    :raises ConfigurationError: the app has no ``SECRET_KEY``.
    """
    keys = _keys(app)
    if not keys:
        raise ConfigurationError("tickets are signed: set SECRET_KEY")
    signed = _signed(keys[0], stream_id, f"{int(clock() + seconds):x}")
    return signed.decode()


def check_ticket(app: Flask, stream_id: str, ticket: str, clock: Clock = time) -> None:
    """
    :raises UnknownStream: this is no ticket for this stream.
    :raises StreamGone: 410, it has expired.
    """
    until = _until(app, stream_id, ticket)
    if until is None:
        raise UnknownStream()
    if clock() >= until:
        raise StreamGone("This ticket has expired. Ask for another.", code="ticket_expired")


def is_good_ticket(app: Flask, stream_id: str, ticket: str) -> bool:
    """Whether this is a ticket for this stream, and has not expired."""
    try:
        check_ticket(app, stream_id, ticket)
        return True
    except StreamError:
        return False


def _until(app: Flask, stream_id: str, ticket: str) -> Optional[int]:
    """The time until which a ticket is good; ``None`` where no key has signed it."""
    until = ticket.partition(".")[0]
    # The text is compared. A decoder of base64 takes more than one text for the same signature.
    sent = ticket.encode("ascii", "replace")
    made = [_signed(key, stream_id, until) for key in _keys(app)]
    return int(until, 16) if any([compare_digest(sent, each) for each in made]) else None


def sent_ticket(request: Optional[Request]) -> str:
    """The ticket that a request has brought; ``""`` for none."""
    if request is None or PARAMETER not in request.environ.get("QUERY_STRING", ""):
        return ""
    ticket: str = request.args.get(PARAMETER, "")
    return ticket


def _keys(app: Flask) -> Any:
    return secret_keys(app, PARAMETER)


def _signed(key: bytes, stream_id: str, until: str) -> bytes:
    signer = Signer(key, salt=PARAMETER, key_derivation="hmac", digest_method=sha256)
    signed: bytes = signer.sign(f"{stream_id}.{until}")
    return signed[len(stream_id.encode()) + 1 :]

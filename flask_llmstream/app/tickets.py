"""Tickets: a right to read one stream for a short time, for readers that can't show who they are.

An ``EventSource`` sends no headers of its own. So its page asks for a ticket, with its headers, and
puts that into the address. A ticket says until when it is good, and is signed together with the
stream's ID.
"""

from __future__ import annotations

from hashlib import sha256
from time import time
from typing import Any, Callable, Optional

from flask import Flask, Request
from itsdangerous import BadSignature, Signer

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
    until = f"{int(clock() + seconds):x}"
    signed: bytes = _signer(keys[0]).sign(f"{stream_id}.{until}")
    return signed.decode()[len(stream_id) + 1 :]


def check_ticket(app: Flask, stream_id: str, ticket: str, clock: Clock = time) -> None:
    """
    :raises UnknownStream: this is no ticket for this stream.
    :raises StreamGone: 410, it has expired.
    """
    until = _until(app, f"{stream_id}.{ticket}")
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


def _until(app: Flask, signed: str) -> Optional[int]:
    """The time until which a ticket is good; ``None`` where no key has signed it."""
    for key in _keys(app):
        try:
            unsigned: Any = _signer(key).unsign(signed.encode("ascii", "replace"))
            return int(unsigned.rpartition(b".")[2], 16)
        except BadSignature:
            continue
    return None


def sent_ticket(request: Optional[Request]) -> str:
    """The ticket that a request has brought; ``""`` for none."""
    if request is None or PARAMETER not in request.environ.get("QUERY_STRING", ""):
        return ""
    ticket: str = request.args.get(PARAMETER, "")
    return ticket


def _keys(app: Flask) -> Any:
    return secret_keys(app, PARAMETER)


def _signer(key: bytes) -> Signer:
    return Signer(key, salt=PARAMETER, key_derivation="hmac", digest_method=sha256)

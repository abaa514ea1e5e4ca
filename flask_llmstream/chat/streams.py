"""The streams that are kept: read again, stopped, listed; and tickets for those who read them."""

from __future__ import annotations

from typing import Any, Dict

from flask import Response, jsonify, request

from ..app.current import current
from ..app.owner import owners_of
from ..app.rights import right_to, stop_stream
from ..app.state import state_of
from ..app.tickets import (
    MAX_TICKET_SECONDS,
    TICKET_SECONDS,
    is_good_ticket,
    new_ticket,
    sent_ticket,
)
from ..errors import RequestError, StreamError
from ..protocols.json_body import parse_json
from ..replay.base import Listing
from ..views.bodies import nothing
from ..views.content_location import ONE
from ..views.returning import attach
from .body import read_body
from .own_settings import OwnSettings

ID = "llmstream_id"
"""The variable of a rule that is a stream's ID."""

LIST, TICKETS = "chat_streams", "chat_stream_tickets"
"""The endpoints, beside ``ONE``."""

RULES = {
    LIST: "/chat/streams",
    ONE: f"/chat/streams/<{ID}>",
    TICKETS: f"/chat/streams/<{ID}>/tickets",
}


class StreamViews:
    """The views of the streams that are kept, whatever view of the application began them."""

    def __init__(self, own: OwnSettings) -> None:
        self._own = own

    def all(self) -> Response:
        """``GET /chat/streams``: those that run, of the current request's owners."""
        here = current()
        storage = state_of(here.app).replay
        found = [each for owner in owners_of(here) for each in storage.running(owner)]
        found.sort(key=lambda each: each.created)
        return jsonify({"object": "list", "data": [_listed(each) for each in found]})

    def one(self) -> Response:
        """``GET /chat/streams/<id>``: read it. ``DELETE``: stop it.

        :raises StreamError: as of :meth:`flask_llmstream.LLMStream.attach`.
        """
        here, stream_id = current(), _stream_id()
        if request.method == "DELETE":
            stop_stream(here, right_to(here, stream_id))
            return nothing(here.app)
        own = self._own.in_force()
        return attach(here, stream_id, own.options, own.slots)

    def ticket(self) -> Response:
        """``POST /chat/streams/<id>/tickets``.

        :raises RequestError: it is to be good for too long.
        :raises UnknownStream: the stream is another owner's.
        :raises StreamError: 404, the app has no ``SECRET_KEY``.
        """
        here, stream_id = current(), _stream_id()
        if not here.app.config.get("SECRET_KEY"):
            message = "There are no tickets here: the application has no SECRET_KEY."
            raise StreamError(message, code="no_tickets", status=404)
        seconds = _seconds(parse_json(read_body(self._own.in_force().settings.max_body_bytes)))
        right_to(here, stream_id)
        ticket = new_ticket(here.app, stream_id, seconds)
        return jsonify({"object": "chat.stream.ticket", "ticket": ticket, "expires_in": seconds})


def has_good_ticket() -> bool:
    """Whether the current request reads a stream for which it has brought a ticket."""
    if request.method not in ("GET", "HEAD") or (request.endpoint or "").rpartition(".")[2] != ONE:
        return False
    here: Any = current()
    return is_good_ticket(here.app, _stream_id(), sent_ticket(here.request))


def _stream_id() -> str:
    arguments: Any = request.view_args
    stream_id: str = arguments[ID]
    return stream_id


def _listed(stream: Listing) -> Dict[str, Any]:
    told = {"id": stream.id, "object": "chat.stream", "created": stream.created}
    return {**told, "model": stream.model} if stream.model else told


def _seconds(fields: Any) -> int:
    seconds = fields.get("seconds")
    if seconds is None:
        return int(TICKET_SECONDS)
    if type(seconds) is not int or not 1 <= seconds <= MAX_TICKET_SECONDS:
        most = int(MAX_TICKET_SECONDS)
        raise RequestError(f"has to be a whole number from 1 to {most}", field="seconds")
    return seconds

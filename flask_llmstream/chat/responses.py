"""``/responses/<id>``: the responses that the log keeps, retrieved, cancelled and deleted.

Source: OpenAI's reference, "Responses": "Get a model response", "Cancel a response", "Delete a
model response"; the guide "Background mode".
"""

from __future__ import annotations

from typing import Any, Dict, Optional, cast

from flask import Response, current_app, request

from ..app.current import Current, current
from ..app.kept_answers import end_of, open_answer
from ..app.state import state_of
from ..errors import RequestError, StreamError, UnknownStream
from ..formats.responses import failed_behind, response_in, rest_behind
from ..replay.base import Reading
from ..replay.event_log import End
from ..sse.json import json_bytes
from ..stream.ids import LastEvent
from ..views.replays import ReplayedFormat, ReplaySource, gone, reading_stream
from ..views.returning import respond_from_log
from .own_settings import OwnSettings

RESPONSE = "llmstream_response"
"""The variable of a rule that is a response's ID."""

_PREFIX = "resp_"
_STOP_SECONDS = 5.0
"""How long the end of a stopped response is waited for."""

_STOPPED = ("cancelled", "disconnect")
"""The reasons of a stream that somebody has ended, or that nobody read."""


class KeptResponses:
    """The views of one blueprint."""

    def __init__(self, own: OwnSettings) -> None:
        self._own = own

    def one(self) -> Response:
        """The answer to ``GET`` and ``DELETE``."""
        return self.delete() if request.method == "DELETE" else self.retrieve()

    def retrieve(self) -> Response:
        """``GET``: the response object; with ``stream=true`` its events, those behind
        ``starting_after``.

        :raises UnknownStream: there is no such response.
        :raises StreamGone: it, or a part of it that is asked for, is kept no more.
        """
        here = current()
        if _flag("stream"):
            return self._events(here)
        return _as_json(self._response(here))

    def cancel(self) -> Response:
        """``POST …/cancel``: end the response. One that has ended stays as it is.

        :raises StreamError: as of :meth:`retrieve`.
        """
        return _as_json(self._ended(current()))

    def delete(self) -> Response:
        """``DELETE``: end the response, and keep it no more.

        :raises StreamError: as of :meth:`retrieve`.
        """
        here = current()
        response_id = self._ended(here)["id"]
        state_of(here.app).replay.forget(response_id[len(_PREFIX) :])
        return _as_json({"id": response_id, "object": "response", "deleted": True})

    def _ended(self, here: Current) -> Dict[str, Any]:
        """End the response that the request names.

        :returns: the response object.
        """
        stream_id, reading = self._open(here)
        try:
            if end_of(reading) is None:
                state_of(here.app).replay.stop(stream_id)
                reading.log.wait_for_end(_STOP_SECONDS)
            return _response_of(reading)
        finally:
            reading.close()

    def _response(self, here: Current) -> Dict[str, Any]:
        _, reading = self._open(here)
        try:
            end_of(reading)
            return _response_of(reading)
        finally:
            reading.close()

    def _events(self, here: Current) -> Response:
        stream_id, reading = self._open(here)
        try:
            after = _starting_after()
            if (after or 0) < reading.log.first - 1:
                raise gone("evicted")
        except StreamError:
            reading.close()
            raise
        last = None if after is None else LastEvent(stream_id, after)
        format = ReplayedFormat(reading.head, last is None)
        format.stream_id = stream_id
        own = self._own.in_force()
        stream = reading_stream(here, _ResponseSource(reading, last), format, own.options)
        return respond_from_log(here, stream, own.slots)

    def _open(self, here: Current) -> "tuple[str, Reading]":
        """Begin to read the response that the request names.

        :returns: the ID of its stream, and its reading.
        :raises UnknownStream: there is none of this ID.
        """
        response_id = cast(Any, request).view_args[RESPONSE]
        prefix, stream_id = response_id[: len(_PREFIX)], response_id[len(_PREFIX) :]
        unknown = UnknownStream(f"There is no response {response_id[:60]!r}.")
        if self._own.in_force().options.reconnect != "resume" or prefix != _PREFIX:
            raise unknown
        try:
            reading = open_answer(here, stream_id)
        except UnknownStream:
            raise unknown from None
        if response_in(reading.head.opening) is None:  # a stream of another protocol
            reading.close()
            raise unknown
        return stream_id, reading


class _ResponseSource(ReplaySource):
    """Gives the events of a response. The number of each is its ``sequence_number``."""

    def _ending(self, end: End) -> bytes:
        frame = failed_behind(end.frame, end.number) if end.reason == "lost" else end.frame
        after = 0 if self._last is None else self._last.number or 0
        return frame if after <= end.number else rest_behind(frame, after)

    def _gap(self, lost: int) -> bytes:
        raise gone("evicted")


def _response_of(reading: Reading) -> Dict[str, Any]:
    """The response object as it is."""
    begun = response_in(reading.head.opening) or {}
    end = reading.log.end
    if end is None:
        return begun
    ended = response_in(end.frame) or {**begun, "status": "failed"}
    if end.reason in _STOPPED:
        return {**ended, "status": "cancelled", "incomplete_details": None}
    return ended


def _as_json(response: Dict[str, Any]) -> Response:
    return current_app.response_class(json_bytes(response), mimetype="application/json")


def _flag(name: str) -> bool:
    value = request.args.get(name, "false").lower()
    if value not in ("true", "false", "1", "0"):
        raise RequestError("has to be true or false", field=name)
    return value in ("true", "1")


def _starting_after() -> Optional[int]:
    value = request.args.get("starting_after", "")
    if not value:
        return None
    if not (value.isascii() and value.isdigit() and len(value) <= 15):
        message = "has to be the sequence_number of an event, a whole number from 0 on"
        raise RequestError(message, field="starting_after")
    return int(value)

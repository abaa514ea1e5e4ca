"""``WholeResponse``: one response object, sent when the answer is complete."""

from __future__ import annotations

from typing import Any, Optional

from ...deltas import Delta
from ...records import Ending, ErrorInfo
from ...sse.event import ServerSentEvent
from ...sse.json import json_bytes
from ..base import Format
from ..unsendable import unsendable
from .asked import Asked, Keep
from .endings import status_of, usage_of
from .events import SENDABLE
from .output import Output


class WholeResponse(Format):
    """The answer to a request without ``"stream": true``.

    :param asked: as of :class:`~flask_llmstream.formats.responses.events.ResponseEvents`.
    :param keep: keeps an answer that ends well. Default: nobody does.
    """

    content_type = "application/json"
    is_whole = True
    may_be_plain = True

    def __init__(self, asked: Asked, keep: Optional[Keep] = None) -> None:
        self._asked, self._keep = asked, keep
        self._output = Output(self.leave_out, lambda: self.stream_id)

    def item(self, item: Any) -> bytes:
        if isinstance(item, str):
            self._output.say(item)
        elif isinstance(item, Delta):
            self._output.add(item)
        elif not isinstance(item, ServerSentEvent):
            raise unsendable(item, SENDABLE)
        return b""

    def delta(self, delta: Delta) -> bytes:
        return self.item(delta)

    def ending(self, ending: Ending, event_id: Optional[str]) -> bytes:
        status, usage = status_of(ending), usage_of(ending.usage)
        self._output.end(status.name)
        response = self._asked.response(
            self.stream_id,
            status.name,
            self._output.as_json(),
            usage=usage,
            incomplete=status.incomplete,
        )
        if self._keep is not None:
            self._keep(response)
        return json_bytes(response)

    def failure(self, failure: ErrorInfo, event_id: Optional[str]) -> bytes:
        return json_bytes({"error": failure.as_json()})

"""``/chat/ui/<chat>/stream``: the answer that a chat is getting, for pages of ``useChat`` that come
back to it.

Source: AI SDK, "Chatbot Resume Streams" (``HttpChatTransport.reconnectToStream``).
"""

from __future__ import annotations

from typing import Any, Optional, cast

from flask import Response, request

from ..app.aliases import stream_of_alias
from ..app.current import Current, current
from ..app.kept_answers import end_of, open_answer
from ..app.state import state_of
from ..errors import StreamGone, UnknownStream
from ..views.bodies import nothing
from ..views.returning import attach
from .own_settings import OwnSettings

CHAT = "llmstream_chat"
"""The variable of a rule that is a chat's ID."""


class UIStreams:
    """The views of one blueprint. Of several answers in one chat they know the newest."""

    def __init__(self, own: OwnSettings) -> None:
        self._own = own

    def one(self) -> Response:
        """The answer to ``GET`` and ``DELETE``."""
        return self.stop() if request.method == "DELETE" else self.resume()

    def resume(self) -> Response:
        """``GET``: the answer from its start on; 204 where none is being made.

        :raises UnknownStream: no answer can be resumed here.
        """
        here, running = current(), self._running()
        if running is None:
            return nothing(here.app)
        own = self._own.in_force()
        return attach(here, running, own.options, own.slots)

    def stop(self) -> Response:
        """``DELETE``: the answer ends, also before its first word. 204, be there one or not.

        :raises UnknownStream: as of :meth:`resume`.
        """
        here, running = current(), self._running()
        if running is not None:
            state_of(here.app).replay.stop(running)
        return nothing(here.app)

    def _running(self) -> Optional[str]:
        """The ID of the stream with the chat's newest answer, while that is being made."""
        if self._own.in_force().options.reconnect != "resume":
            raise UnknownStream("No answer can be resumed here.")
        here, arguments = current(), cast(Any, request).view_args
        found = stream_of_alias(here, arguments[CHAT])
        return found if found is not None and _is_running(here, found) else None


def _is_running(here: Current, stream_id: str) -> bool:
    try:
        reading = open_answer(here, stream_id)
    except (UnknownStream, StreamGone):
        return False
    try:
        end = end_of(reading)
    finally:
        reading.close()
    return end is None or end.reason == "lost"  # that is told: the page has no other news of it

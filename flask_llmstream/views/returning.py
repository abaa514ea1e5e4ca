"""Readers who come back: who has a part of a stream, or reads a kept one again."""

from __future__ import annotations

from typing import Optional

from flask import Response

from ..app.current import Current
from ..app.rights import Right, find_stream, right_to_read
from ..errors import StreamGone
from ..replay.expected import Expected
from ..stream.ids import LastEvent, last_event_of
from ..stream.limits import StreamLimiter
from ..stream.options import StreamOptions
from ..stream.stream import Stream
from ..wsgi.returning_reader import last_event_id
from .awaited import awaiting_stream
from .bodies import nothing, response_of, unread_body
from .replays import asked_from, replay_stream


def attach(
    here: Current, stream_id: str, options: StreamOptions, slots: StreamLimiter
) -> Response:
    """The response that brings a stream of the log to one more reader.

    :raises StreamError: as of :meth:`flask_llmstream.LLMStream.attach`.
    """
    right = right_to_read(here, stream_id)
    last = asked_from(stream_id, last_event_id(here.request) if here.request is not None else "")
    if last is not None and last.is_last:
        return nothing(here.app)
    return respond_from_log(here, _reading(here, right, last, options), slots)


def rest_of_kept(
    here: Current, options: StreamOptions, slots: StreamLimiter
) -> Optional[Response]:
    """The response to a reader who comes back to an answer that is kept, before another answer is
    begun; ``None`` for any other.

    :raises StreamError: as of :meth:`flask_llmstream.LLMStream.attach`.
    """
    if options.reconnect != "resume" or here.request is None:
        return None
    last = last_event_of(last_event_id(here.request))
    return None if last is None else attach(here, last.stream_id, options, slots)


def respond_from_log(here: Current, stream: Stream, slots: StreamLimiter) -> Response:
    """Make the response of a reader of the log.

    :param stream: as of :func:`~flask_llmstream.views.replays.replay_stream`.
    """
    return response_of(here, stream, slots, unread=unread_body(here.request))


def resumed(here: Current, stream: Stream) -> Stream:
    """The stream for an ``EventSource`` that comes back to an answer: the rest of it, where it is
    kept. Another reader gets the stream itself.

    :raises StreamError: the reader must not come back, as the answer has ended (204), or as its
        rest can't be had (410). Both stop the reconnecting of an ``EventSource``.
    """
    if stream.options.reconnect == "restart" or here.request is None:
        return stream
    last = last_event_of(last_event_id(here.request))
    if last is None:
        return stream
    if last.is_last:
        raise StreamGone("This answer has ended, and is not made again.", code="ended", status=204)
    if stream.recorder is None:
        raise StreamGone("This answer was cut off and can't be resumed. Ask again.")
    rest = _reading(here, right_to_read(here, last.stream_id), last, stream.options)
    stream.abandon()
    return rest


def _reading(
    here: Current, right: Right, last: Optional[LastEvent], options: StreamOptions
) -> Stream:
    """Make the stream of one more reader.

    :raises StreamError: as of :meth:`flask_llmstream.LLMStream.attach`.
    """
    found = find_stream(here, right)
    if isinstance(found, Expected):
        return awaiting_stream(here, right.stream_id, found, options)
    return replay_stream(here, right.stream_id, found, last, options)

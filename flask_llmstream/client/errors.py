"""The exceptions of :class:`~flask_llmstream.EventSource`. Standard library only, no I/O.

None is a :class:`~flask_llmstream.StreamError`, whose message may be shown to a reader: in a view
that reads another server's stream, the words of that server are not for the view's own readers.
"""

from __future__ import annotations

from typing import Optional

from ..errors import LLMStreamError


class EventSourceError(LLMStreamError):
    """A stream could not be opened, or ended before its answer was whole.

    :param message: one sentence for a person.
    :ivar code: a stable word for programs: the server's own, or that of the class.
    :ivar status: the HTTP status; ``None`` where none came.
    :ivar id: the failure's ID in the server's log; ``None`` where the server named none.
    :ivar field: the part of the request that is wrong; ``None`` where the server named none.
    :ivar retry_after: seconds until another try makes sense; ``None`` where the server named none.
    """

    code: str = "error"

    def __init__(
        self,
        message: str,
        *,
        code: Optional[str] = None,
        status: Optional[int] = None,
        id: Optional[str] = None,
        field: Optional[str] = None,
        retry_after: Optional[int] = None,
    ) -> None:
        super().__init__(message)
        self.code = code or self.code
        self.status = status
        self.id = id
        self.field = field
        self.retry_after = retry_after


class ConnectionFailed(EventSourceError):
    """No answer came: the name is unknown, the connection is refused, takes too long or breaks
    before the answer begins, or the server's certificate is not trusted."""

    code = "network"


class NotAnEventStream(EventSourceError):
    """The server answered well, but not with an event stream."""

    code = "not_an_event_stream"


class ServerFailure(EventSourceError):
    """The server told a failure: by its HTTP status, or by an event of the stream."""


class StreamTruncated(EventSourceError):
    """The stream broke or ended before the end of its answer, and the rest can't be had.

    What was read before is a part of the answer. The code is ``not_resumed`` where the server was
    asked for the rest and refused; ``__cause__`` is then its :class:`ServerFailure`. It is
    ``sent_off`` where the server had no room for the moment, and said when to come back.
    """

    code = "truncated"


class StreamStalled(EventSourceError):
    """Nothing came for too long.

    :ivar deadline: ``alive``: no byte came, not even a heartbeat. ``progress``: no event came.
    """

    code = "stalled"

    def __init__(self, deadline: str, seconds: float) -> None:
        what = {"alive": "The server sent nothing", "progress": "No event came"}[deadline]
        super().__init__(f"{what} for {seconds:g} s.")
        self.deadline = deadline

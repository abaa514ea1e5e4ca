"""The frames of a stream beside its items: its opening, its end, its failure.

The format may be an application's own. If it raises, the stream ends with that.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Callable, Optional

from ..formats.base import failure_object
from ..records import Ending, ErrorInfo
from ..sse.event import ServerSentEvent
from .ids import ended_id, opening_id

if TYPE_CHECKING:
    from .endable import Endable


def opening_frame(stream: Endable) -> bytes:
    """The first bytes of the answer; ``b""`` where its format has none."""
    options = stream.options
    comment = "" if options.heartbeat else None
    event_id = None if options.reconnect == "restart" else opening_id(stream.id)
    return _made(stream, stream.format.opening, comment, event_id) or b""


def last_frame(stream: Endable) -> Optional[bytes]:
    """The frame of the stream's end. If the format raises, the frame of a failure; if it raises
    again, ``None``."""
    rest = _made(stream, stream.format.rest) or b""
    last = None
    if stream.told is None:
        ending = Ending(_shown(stream.reason), stream.sink.usage)
        last = _made(stream, stream.format.ending, ending, _last_id(stream))
    told = stream.told  # making the end may have failed
    if told is not None:
        last = _made(stream, _told_frame, stream, told)
    return None if last is None else rest + last


def failure_frame(stream: Endable, failure: ErrorInfo) -> bytes:
    """The frame of a failure. Nothing follows it."""
    return stream.format.failure(failure, _last_id(stream))


def plain_failure(stream: Endable) -> bytes:
    """The frame of a failure that the stream's own format can't tell."""
    data = {"ended": True} if stream.told is None else failure_object(stream.told)
    return ServerSentEvent(data, event="error", id=ended_id(stream.id)).encode()


def _shown(reason: Optional[str]) -> str:
    """The word of an ending for a stream's reason. A later reader did not leave the stream."""
    return "cancelled" if reason == "disconnect" else reason or "complete"


def _told_frame(stream: Endable, failure: ErrorInfo) -> bytes:
    if stream.reason == "shutdown" and _runs_again(stream):
        return stream.format.reconnect_notice(failure)
    return failure_frame(stream, failure)


def _made(stream: Endable, make: Callable[..., bytes], *arguments: Any) -> Optional[bytes]:
    """A frame; ``None`` where the format raises. The stream ends with that, if it had not ended."""
    try:
        frame = make(*arguments)
        if not isinstance(frame, bytes):
            raise TypeError(f"a format has to give bytes, not {type(frame).__name__}")
        return frame
    except (KeyboardInterrupt, SystemExit):
        raise
    except BaseException as error:
        stream.break_off(error)
        return None


def _last_id(stream: Endable) -> Optional[str]:
    """The event ID of the end. There is none after a cut."""
    if _runs_again(stream):
        return None
    if stream.reason == "shutdown" and not stream.is_recorded:
        return None
    return ended_id(stream.id)


def _runs_again(stream: Endable) -> bool:
    """Whether the stream runs again for a reader who comes back."""
    return stream.options.reconnect == "restart" or stream.format.has_own_ids

"""The WSGI body of a stream: it starts everything at its first ``__next__``.

Floor 3. PEP 3333 lets an application call ``start_response`` as late as the body's first block,
so the status can wait for the first item, and a body that is never read leaves nothing behind.
"""

from __future__ import annotations

import logging
from time import monotonic
from typing import Any, Callable, Dict, Optional

from gevent.monkey import get_original

from .errors import StreamRefused
from .event import ServerSentEvent
from .failure import Failure, failure_of
from .formats import Ending
from .json_text import json_bytes
from .liveness import NoWatch, Watch, client_descriptor, cut, watch
from .stream import Stream
from .timers import Timer
from .worker import Habitat, Slots, habitat

_log = logging.getLogger("flask_llmstream")
_allocate_lock = get_original("_thread", "allocate_lock")

HEARTBEAT = ServerSentEvent(comment="").encode()
RETRY_AFTER = 1
"""Seconds that a refused client is asked to wait."""


class StreamBody:
    """The WSGI iterable of one stream. One request reads it, on one thread or greenlet.

    :param stream: not started yet.
    :param slots: where the stream takes its slot.
    :param watches_client: whether the client's socket is watched.
    """

    __slots__ = (
        "_stream", "_slots", "_watches_client", "_environ", "_respond", "_step", "_watch",
        "_send_timer", "_habitat", "_handed_at", "_patience", "_closing", "_checking", "_is_done",
        "__weakref__",
    )  # fmt: skip

    def __init__(self, stream: Stream, slots: Slots, watches_client: bool) -> None:
        self._stream = stream
        self._slots = slots
        self._watches_client = watches_client
        self._environ: Dict[str, Any] = {}
        self._respond: Optional[Callable[[Optional[Failure]], None]] = None
        self._step: Callable[[StreamBody], bytes] = StreamBody._begin
        self._watch: Watch = NoWatch()
        self._send_timer: Optional[Timer] = None
        self._habitat: Optional[Habitat] = None
        self._handed_at: Optional[float] = None
        self._patience: Optional[float] = None
        self._closing: Callable[[], None] = _nothing
        self._checking = _allocate_lock()
        self._is_done = False
        if stream.format.is_event_stream:
            self._patience = stream.options.heartbeat or None

    def bind(
        self,
        environ: Dict[str, Any],
        respond: Callable[[Optional[Failure]], None],
        closing: Callable[[], None],
    ) -> None:
        """Give it what the server calls it with.

        :param respond: sends the headers: of a failure, or the stream's own with ``None``.
        :param closing: called once when the server has closed the body.
        """
        self._environ = environ
        self._respond = respond
        self._closing = closing

    def __iter__(self) -> StreamBody:
        return self

    def __next__(self) -> bytes:
        self._handed_at = None
        block = self._step(self)
        self._handed_at = monotonic()
        return block

    def close(self) -> None:
        """What the server calls at the end, whatever the end was."""
        self._step = StreamBody._stop
        self._let_go()
        closing, self._closing = self._closing, _nothing
        closing()

    # The steps: what the next ``__next__`` does.

    def _begin(self) -> bytes:
        refusal = self._start()
        if refusal is not None:
            return self._fail(refusal)
        hold = self._hold()
        block = b"" if hold == 0 else self._stream.receive(hold)
        if block is None:
            return self._end_before_first()
        self._commit()
        self._step = StreamBody._continue
        return self._opening() + block or self._continue()

    def _continue(self) -> bytes:
        block = self._stream.receive(self._patience)
        if block:
            return block
        if block is None:
            return self._end()
        # Without patience nothing was waited out: a frame came as the channel closed.
        return self._continue() if self._patience is None else HEARTBEAT

    def _stop(self) -> bytes:
        self._let_go()  # all was taken; a test client closes late or never
        raise StopIteration

    def _let_go(self) -> None:
        with self._checking:
            self._is_done = True
        self._watch.stop()
        self._watch = NoWatch()
        if self._send_timer is not None:
            self._send_timer.cancel()
            self._send_timer = None
        self._stream.abandon()

    def _start(self) -> Optional[Failure]:
        """Start everything; or what a client is told where that can't be."""
        stream = self._stream
        try:
            self._habitat = habitat(stream.options.worker)
            if not self._slots.acquire():
                return self._refusal()
            self._start_in(self._habitat)
        except Exception as error:
            _log.exception("stream %s of %s could not start", stream.id, stream.name)
            return failure_of(error, stream.id)
        return None

    def _start_in(self, place: Habitat) -> None:
        stream = self._stream
        stream.start(place, self._slots.release)
        if self._watches_client:
            self._watch = watch(self._environ, self._gone, place.schedule, place.watch)
        if stream.options.send_timeout:
            self._expect_the_client(stream.options.send_timeout)

    # How it opens and ends.

    def _opening(self) -> bytes:
        options = self._stream.options
        refuses = options.reconnect == "refuse"
        return self._stream.format.opening(
            "" if options.heartbeat else None, opening_id(self._stream.id) if refuses else None
        )

    def _end(self) -> bytes:
        self._step = StreamBody._stop
        self._watch.stop()
        last = self._last_frame()
        return last or self._stop()

    def _last_frame(self) -> bytes:
        stream = self._stream
        event_id = self._last_id()
        if stream.failure is not None:
            return stream.format.failure(stream.failure, event_id)
        if stream.reason == "disconnect":
            return b""
        return stream.format.ending(Ending(stream.reason or "complete", stream.usage), event_id)

    def _last_id(self) -> Optional[str]:
        stream = self._stream
        refuses = stream.options.reconnect == "refuse" and not stream.format.has_own_ids
        return ended_id(stream.id) if refuses else None

    def _end_before_first(self) -> bytes:
        failure = self._stream.failure
        if failure is not None:
            return self._fail(failure)
        self._commit()
        self._step = StreamBody._stop
        opening = b"" if self._stream.reason == "disconnect" else self._opening()
        return opening + self._last_frame() or self._stop()

    def _refusal(self) -> Failure:
        message = "Too many answers are being streamed. Try again in a moment."
        error = StreamRefused(message, retry_after=RETRY_AFTER)
        _log.warning("stream %s of %s found no slot", self._stream.id, self._stream.name)
        return failure_of(error, self._stream.id)

    def _fail(self, failure: Failure) -> bytes:
        self._step = StreamBody._stop
        self._let_go()
        if self._respond is None:  # behind a wrapper, which has the status sent already
            return self._stream.format.failure(failure, self._last_id())
        self._respond(failure)
        return json_bytes({"error": failure.as_json()})

    def _commit(self) -> None:
        """Send the stream's own status and headers."""
        if self._respond is not None:
            self._respond(None)

    # How long it waits.

    def _hold(self) -> Optional[float]:
        options = self._stream.options
        if self._stream.format.is_whole:
            return None
        if not self._stream.format.is_event_stream:
            return options.hold
        return min(options.hold, options.heartbeat or options.hold)

    # What comes from beside: in the hub, or on the timer thread.

    def _gone(self) -> None:
        self._stream.end("disconnect")

    def _expect_the_client(self, seconds: float) -> None:
        assert self._habitat is not None
        self._send_timer = self._habitat.schedule(seconds, self._check_the_client)

    def _check_the_client(self) -> None:
        # On the timer thread a check may be under way while the server closes the body. The lock
        # keeps it from cutting a connection that serves its next request by then.
        with self._checking:
            if not self._is_done:
                self._check_the_last_block()

    def _check_the_last_block(self) -> None:
        limit = self._stream.options.send_timeout
        handed_at = self._handed_at
        stuck = 0.0 if handed_at is None else monotonic() - handed_at
        if stuck < limit:
            self._expect_the_client(limit - stuck)
            return
        self._stream.end("disconnect")
        descriptor = client_descriptor(self._environ)
        if descriptor is not None:
            cut(descriptor)


def opening_id(stream_id: str) -> str:
    """The last event ID of a reader who has seen the opening and no end."""
    return f"{stream_id}:0"


def ended_id(stream_id: str) -> str:
    """The last event ID of a reader who has seen the end."""
    return f"{stream_id}:ended"


def _nothing() -> None:
    """Nobody else is to be told that the body was closed."""

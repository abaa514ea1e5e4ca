"""``Emitter``: sends items into a stream, from any greenlet, thread or callback.

The semantics are those of SseEmitter, without its gaps: items that are sent before the response
starts are kept within the buffer, the first end counts, and each callback is called.
"""

from __future__ import annotations

import os
import sys
import weakref
from contextlib import suppress
from functools import partial
from time import monotonic
from types import FrameType
from typing import TYPE_CHECKING, Any, Callable, Optional, TypeVar

from ..channel.channel import ChannelStatistics
from ..errors import StreamClosed, StreamOverflow, StreamTimeout, UnsendableItem
from ..exceptions.steps import run_all
from ..records import Summary
from ..runtime.runtime import Runtime, spawner
from ..runtime.turns import TURN_SECONDS, take_turn
from ..sse.event import ServerSentEvent
from ..stream.stream import Stream
from .callbacks import Call, Callbacks, apply
from .pushed import PushSource
from .send_lock import SendLock

if TYPE_CHECKING:
    from flask import Response

OnTimeout = TypeVar("OnTimeout", bound=Callable[[StreamTimeout], Any])
OnError = TypeVar("OnError", bound=Callable[[Any], Any])
OnCompletion = TypeVar("OnCompletion", bound=Callable[[Summary], Any])
OnEnd = TypeVar("OnEnd", bound=Callable[[], Any])

LAST_WORD_SECONDS = 5.0
"""How long the ``on_timeout`` callbacks may take to complete the stream themselves."""

_ENDS_OF_ITS_OWN = ("complete", "error")
"""The reasons for which ``on_cancel`` is not called."""


class Emitter:
    """The sending end of a stream. Many greenlets and threads may send at a time.

    Made by ``streams.emitter()``, or given to the function of ``streams.create()``.

    :param stream: not open yet; its source is ``source``.
    :param runtime: where the stream is made.
    :param respond: makes the response of the stream.
    :param call: calls a callback, plain or asynchronous. Default: as it is.
    """

    def __init__(
        self,
        stream: Stream,
        source: PushSource,
        runtime: Runtime,
        respond: Callable[[Stream], Response],
        call: Call = apply,
    ) -> None:
        self._stream = stream
        self._source = source
        self._respond = respond
        self._response: Callable[[], Optional[Response]] = _no_response
        self._schedule = runtime.schedule
        self._callbacks = Callbacks(call)
        to_stream = weakref.proxy(stream)  # which holds the lock in its turn
        self._senders = senders = SendLock(lambda: bool(to_stream.is_started))
        self._turn = senders.turn
        self._hub_due_at = 0.0
        self._process, self._spawn = os.getpid(), spawner()
        self._deliver = stream.open(runtime.shared(lambda: senders), self)

    def __del__(self) -> None:
        # This may run on any thread, between any two steps of any code. A stream that is kept has
        # readers elsewhere, who would wait for ever where no response was made.
        stream = self._stream
        if stream.is_taken or not stream.is_recorded or sys.is_finalizing():
            return
        if stream.is_open and self._process == os.getpid():
            with suppress(RuntimeError, ValueError):  # the interpreter ends, or the hub has ended
                self._spawn(stream.abandon)

    def response(self) -> Response:
        """The response to return from the view. Until it is read, it is the same one each time.

        :raises RuntimeError: the stream has its reader, or had it: an emitter has one. A reader who
            comes back with our ``Last-Event-ID`` gets a 204 or 410, and does not disturb the first.
        """
        response = self._response()
        if response is None or self._stream.is_started:
            response = self._respond(self._stream)
            self._response = weakref.ref(response)  # it holds the stream, and that this emitter
        return response

    # To send.

    def send(
        self,
        item: Any = None,
        event: Optional[str] = None,
        id: Optional[str] = None,
        retry: Optional[int] = None,
        comment: Optional[str] = None,
    ) -> None:
        """Send one item: text (a delta), a mapping, a list, a dataclass, a ``ServerSentEvent``.

        Without room the overflow strategy decides: with ``block`` the call waits. Where one of the
        fields is given, the item is the ``data`` of a :class:`ServerSentEvent` with these fields.

        :raises StreamClosed: the stream has ended, before or while it waited.
        :raises UnsendableItem: JSON can't hold the item, or it is ``None``; the stream ends with
            ``error``. The message names the item's type and where it was sent.
        :raises StreamNotStarted: it would wait for a reader, on the greenlet or thread that made
            the emitter and has yet to return the response.
        :raises ValueError: an impossible field; the stream goes on.
        :raises RuntimeError: the code that makes another item bytes, or merges it, calls ``send``:
            it would wait for itself.
        """
        if event is not None or id is not None or retry is not None or comment is not None:
            item = ServerSentEvent(item, event, id, retry, comment)
        if monotonic() > self._hub_due_at:  # a loop of sends may never wait by itself
            take_turn()
            self._hub_due_at = monotonic() + TURN_SECONDS
        turn = self._turn
        try:
            try:  # the turn's ``acquire`` and ``release`` written out: they run for each token
                turn.free.pop()
            except IndexError:
                self._wait_for_the_turn()
            try:
                self._deliver(item)
            finally:
                turn.free.append(True)
                if turn.line:
                    turn.pass_on()
        except UnsendableItem as error:
            cause = error.__cause__
            told = UnsendableItem(f"{self._stream.name}, at {_caller(2)},", cause or error)
            self._stream.end("error", told)
            raise told from cause
        except StreamOverflow as error:
            self._stream.end("overflow", error)
            raise StreamClosed(self._stream.reason or "overflow") from None

    def complete(self) -> bool:
        """End the stream well, behind all sent items. ``False``: it had ended before."""
        return self._stream.end("complete")

    def fail(self, error: BaseException) -> bool:
        """End the stream with an error. ``False``: it had ended before.

        The reader gets the message of a :class:`StreamError`. Of any other exception the reader
        learns only that there was one.
        """
        if not isinstance(error, BaseException):
            raise TypeError(
                f"error: has to be an exception, as StreamError(…) is, not {type(error).__name__}"
            )
        return self._stream.end("error", error)

    @property
    def requested(self) -> int:
        """The demand: how many items may be sent before one finds no room; 0 after the end."""
        return self._stream.room

    @property
    def is_cancelled(self) -> bool:
        """Whether the stream has ended, for any reason: nothing needs to be sent."""
        return self._stream.reason is not None

    @property
    def statistics(self) -> ChannelStatistics:
        """How many items were sent, received, lost and merged so far. The rest waits."""
        return self._stream.sink.statistics

    # Callbacks. Each method returns the callback, so it can be a decorator. A callback that is
    # registered after its moment is called at once.

    def on_timeout(self, callback: OnTimeout) -> OnTimeout:
        """Called when a timer runs out, before the stream ends. Within 5 s the callback may send a
        last item and complete the stream."""
        return self._callbacks.add("timeout", callback)

    def on_error(self, callback: OnError) -> OnError:
        """Called with the exception, when the stream has ended with ``error`` or ``overflow``."""
        return self._callbacks.add("error", callback)

    def on_completion(self, callback: OnCompletion) -> OnCompletion:
        """Called once and last, with the :class:`Summary`, after any end."""
        return self._callbacks.add("completion", callback)

    def on_cancel(self, callback: OnEnd) -> OnEnd:
        """Called at once when something else ends the stream: the reader left, a timer ran out,
        the server stops. Use it to stop the producer."""
        return self._callbacks.add("cancel", callback)

    def on_dispose(self, callback: OnEnd) -> OnEnd:
        """Called at once after any end. Use it to release resources."""
        return self._callbacks.add("dispose", callback)

    # Called by the stream: the emitter is its ``Listener``.

    def timed_out(self, error: StreamTimeout) -> bool:
        """A timer ran out."""
        if not self._callbacks.has("timeout"):
            return False

        def end() -> None:
            self._stream.end("timeout", error)

        timer = self._schedule(LAST_WORD_SECONDS, end)

        def last_word() -> None:
            self._callbacks.call("timeout", error)
            timer.cancel()
            end()

        self._stream.run_in_background(last_word)
        return True

    def ended(self, reason: str, error: Optional[BaseException]) -> None:
        """The stream has ended."""
        kinds = ["dispose"] if reason in _ENDS_OF_ITS_OWN else ["cancel", "dispose"]
        callbacks = [partial(self._call_beside, kind, error) for kind in kinds]
        run_all(self._senders.end, self._source.end, *callbacks)

    def finished(self, summary: Summary) -> None:
        """All other reports of the end are made."""
        if summary.reason in ("error", "overflow"):
            self._callbacks.call("error", summary.error, summary.error)
        self._callbacks.call("completion", summary.error, summary)
        self._callbacks.forget("timeout", "error")
        if summary.reason in _ENDS_OF_ITS_OWN:
            self._callbacks.forget("cancel")  # else ``ended`` calls them, maybe later

    def _call_beside(self, kind: str, error: Optional[BaseException]) -> None:
        if self._callbacks.has(kind):
            self._stream.run_in_background(self._callbacks.called_with(kind, error))
        else:
            self._callbacks.call(kind, error)  # calls none, but a later one is called at once

    def _wait_for_the_turn(self) -> None:
        if self._is_sent_here():
            raise RuntimeError(
                "send() was called while it sends another item of this emitter, by what makes that "
                "item bytes or merges it: have that done before, or elsewhere"
            )
        self._turn.wait(self._check_that_it_goes_on)

    def _is_sent_here(self) -> bool:
        """Whether a call further up this stack has the turn."""
        frame: Optional[FrameType] = sys._getframe(2).f_back
        while frame is not None:
            if frame.f_code is _SEND and frame.f_locals["self"] is self:
                return True
            frame = frame.f_back
        return False

    def _check_that_it_goes_on(self) -> None:
        if self._stream.reason is not None:
            raise StreamClosed(self._stream.reason)
        self._senders.check()


_SEND = Emitter.send.__code__


def _caller(depth: int) -> str:
    frame = sys._getframe(depth)
    return f"{frame.f_code.co_filename}:{frame.f_lineno}"


def _no_response() -> None:
    """There is no response yet."""

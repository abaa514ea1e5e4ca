"""``Connection``: the client's end of one stream. It is watched for a departure, and cut where the
client takes nothing any more, or where a broken answer would look whole."""

from __future__ import annotations

from time import monotonic
from typing import Any, Callable, Dict, Optional, Tuple

from ..runtime.process import this_process
from ..runtime.runtime import Runtime, pause
from ..runtime.threads import allocate_lock
from ..runtime.timers import Timer
from .disconnect import NO_WATCH, Watch, watch
from .servers import client_socket, descriptor_of, unwritten
from .socket_options import (
    cut,
    has_left,
    keep_alive,
    limit_unsent,
    reset_on_close,
    unacked_bytes,
)

CHECKS = 2
"""How often a client is checked within its ``send_timeout``. A client that is stuck is cut at the
first check after the timeout."""

LAST_ACK_SECONDS = 60.0
"""How long a client without a ``send_timeout`` may take nothing of the last bytes of its answer."""

_PAUSE_SECONDS = 0.02


class Connection:
    """What a stream knows of its client.

    Make it where the request is handled (:func:`~.servers.client_socket`).

    :param environ: the request's.
    :param gone: called, without blocking, when the client has left or takes nothing any more.
    :param send_timeout: seconds within which the client must take something of its answer, if
        there is something to take. 0: it may take any time.
    :param received_items: returns how many items the server was given to write; ``None`` while the
        server waits for more.
    :ivar control_blocks: how many blocks that are no items the server was given. The reader of the
        stream counts them.
    """

    __slots__ = (
        "control_blocks", "_environ", "_socket", "_runtime", "_gone", "_send_timeout",
        "_received_items", "_watch", "_timer", "_cutting", "_is_closed", "_is_guarded", "_seen",
        "_seen_at", "_process", "__weakref__",
    )  # fmt: skip

    def __init__(
        self,
        environ: Dict[str, Any],
        runtime: Runtime,
        gone: Callable[[], object],
        send_timeout: float,
        received_items: Callable[[], Optional[int]],
    ) -> None:
        self.control_blocks = 0
        self._environ = environ
        self._socket = client_socket(environ)
        self._runtime = runtime
        self._gone = gone
        self._send_timeout = send_timeout
        self._received_items = received_items
        self._watch: Watch = NO_WATCH
        self._timer: Optional[Timer] = None
        self._cutting = allocate_lock()
        self._is_closed = False
        self._process = this_process()
        self._is_guarded = False
        self._seen: Tuple[Optional[int], ...] = ()
        self._seen_at = 0.0
        if send_timeout:
            self._schedule_check()

    def watch(self) -> None:
        """Notice a departure also while nothing is written, and have the kernel end a connection
        whose client is gone without a word."""
        descriptor = descriptor_of(self._socket)
        if descriptor is not None:
            keep_alive(descriptor, self._send_timeout)
        self._watch = watch(self._environ, self._socket, self._gone, self._runtime)

    def limit_unsent(self) -> None:
        """Let the kernel keep little that is unsent, so that a reader who stands still is noticed
        soon."""
        descriptor = descriptor_of(self._socket)
        if descriptor is not None:
            limit_unsent(descriptor)

    def unwatch(self) -> None:
        """Watch for a departure no more. A second call is harmless."""
        self._watch.stop()
        self._watch = NO_WATCH

    def guard(self) -> None:
        """Let the connection end by a reset, whatever ends it, also a kill of this process. For an
        answer that can't itself say that it is not whole. Until :meth:`release`."""
        self._is_guarded = True
        self._reset_on_close(True)

    def release(self) -> None:
        """The answer is whole: let the connection end well. Harmless without :meth:`guard`."""
        if self._is_guarded:
            self._is_guarded = False
            self._reset_on_close(False)

    def _reset_on_close(self, resets: bool) -> None:
        descriptor = descriptor_of(self._socket)
        if descriptor is not None:
            reset_on_close(descriptor, resets)

    def wait_for_acks(self) -> None:
        """Wait until the client has taken the whole answer, or has left, or has taken nothing for
        ``send_timeout`` (without one: a minute)."""
        patience, left, seen_at = self._send_timeout or LAST_ACK_SECONDS, 0, monotonic()
        while not self._has_ended():
            now, before, left = monotonic(), left, self._pending_bytes()
            seen_at = seen_at if left == before else now
            if left == 0 or now - seen_at > patience:
                break
            pause(_PAUSE_SECONDS)

    def _has_ended(self) -> bool:
        descriptor = descriptor_of(self._socket)
        return descriptor is None or has_left(descriptor)

    def _pending_bytes(self) -> int:
        """How many bytes the client has yet to take, in the kernel and in the server."""
        descriptor = descriptor_of(self._socket)
        left = None if descriptor is None else unacked_bytes(descriptor)
        return (left or 0) + unwritten(self._environ)

    def cut(self) -> bool:
        """End the connection by a reset, so that the client does not take a part for the whole.

        :returns: whether it was cut; ``False`` where the server does not show the client's socket.
        """
        self._is_guarded = False
        descriptor = descriptor_of(self._socket)
        if descriptor is not None:
            cut(descriptor)
        return descriptor is not None

    def close(self) -> None:
        """Stop all watching and checking: the connection may serve its next request from here on.
        A connection that is still guarded serves none, and is cut."""
        with self._cutting:
            self._is_closed = True
        try:
            self.unwatch()
        finally:
            try:
                self._cancel_check()
            finally:
                if self._is_guarded:
                    self.cut()

    def _cancel_check(self) -> None:
        timer, self._timer = self._timer, None
        if timer is not None:
            timer.cancel()

    # In the hub, or on the timer thread.

    def _schedule_check(self) -> None:
        self._timer = self._runtime.schedule(self._send_timeout / CHECKS, self._check)

    def _check(self) -> None:
        if self._is_closed:
            return
        if self._process is not this_process():  # a forked child's copy must not cut the parent's
            return
        descriptor = descriptor_of(self._socket)
        if not self._is_stuck(descriptor):
            self._check_again()
            return
        self._gone()
        if descriptor is not None:
            self._cut_unless_closed(descriptor)

    def _check_again(self) -> None:
        self._schedule_check()
        if self._is_closed:  # meanwhile, where this is the timer thread
            self._cancel_check()

    def _cut_unless_closed(self, descriptor: int) -> None:
        # On the timer thread: the server may close the body meanwhile, and serve the next request
        # on this connection. The lock prevents a cut then, and is held for nothing else.
        with self._cutting:
            if not self._is_closed:
                cut(descriptor)

    def _is_stuck(self, descriptor: Optional[int]) -> bool:
        """Whether nothing has moved for the whole timeout. A slow client takes a little now and
        then. If a client has taken all, it is the server that is slow."""
        now, bytes_left = monotonic(), None if descriptor is None else unacked_bytes(descriptor)
        received_items = self._received_items()
        seen = received_items, self.control_blocks, bytes_left
        if received_items is None or bytes_left == 0 or seen != self._seen:
            self._seen, self._seen_at = seen, now
        return now - self._seen_at >= self._send_timeout

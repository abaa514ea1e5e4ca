"""``Connection``: the client's end of one stream, watched for a departure, and cut where its end
would look whole and is not, or where it is stuck.

Floor 3: sockets by their descriptor alone, whoever owns them.
"""

from __future__ import annotations

import os
from time import monotonic
from typing import Any, Callable, Dict, Optional, Tuple

from ..exceptions.steps import run_all
from ..runtime.runtime import Runtime, pause
from ..runtime.threads import allocate_lock
from ..runtime.timers import Timer
from .disconnect import NoWatch, Watch, watch
from .servers import client_socket, descriptor_of, unwritten
from .socket_options import (
    cut,
    has_left,
    keep_alive,
    limit_unsent,
    reset_on_close,
    unacked_bytes,
)

LOOKS = 2
"""How often within its ``send_timeout`` a client is looked at; one that is stuck is cut at the
first look behind it."""

LAST_SECONDS = 60.0
"""How long a client may take nothing of the last that there is for it before it is cut off without,
where it has no ``send_timeout``."""

_LOOK_SECONDS = 0.02


class Connection:
    """What a stream knows of its client.

    :param environ: the request's.
    :param gone: called, without blocking, when the client has left or takes nothing any more.
    :param send_timeout: seconds in which the client has to take something of what there is for
        it; 0: any.
    :param received_items: tells how many items the server was given to write; ``None`` while it
        waits for more.
    :ivar control_blocks: how many blocks it was given that are no items. The reader counts them.
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
        self._watch: Watch = NoWatch()
        self._timer: Optional[Timer] = None
        self._cutting = allocate_lock()
        self._is_closed = False
        self._process = os.getpid()
        self._is_guarded = False
        self._seen: Tuple[Optional[int], ...] = ()
        self._seen_at = 0.0
        if send_timeout:
            self._check_later()

    def watch(self) -> None:
        """Have a departure noticed while nothing is written, and a half-open connection ended."""
        descriptor = descriptor_of(self._socket)
        if descriptor is not None:
            keep_alive(descriptor, self._send_timeout)
        self._watch = watch(self._environ, self._socket, self._gone, self._runtime)

    def limit_unsent(self) -> None:
        """Have little lie in the kernel, so that a reader who stands still is felt soon."""
        descriptor = descriptor_of(self._socket)
        if descriptor is not None:
            limit_unsent(descriptor)

    def unwatch(self) -> None:
        """A departure is of no interest any more; harmless when called again."""
        self._watch.stop()
        self._watch = NoWatch()

    def guard(self) -> None:
        """Have whatever ends it from here on end it by a reset, a kill of this process too: what
        comes over it can't say that it is not whole. Until :meth:`release`."""
        self._is_guarded = True
        self._reset_on_close(True)

    def release(self) -> None:
        """It may end well. Harmless where it was not guarded."""
        if self._is_guarded:
            self._is_guarded = False
            self._reset_on_close(False)

    def _reset_on_close(self, resets: bool) -> None:
        descriptor = descriptor_of(self._socket)
        if descriptor is not None:
            reset_on_close(descriptor, resets)

    def wait_for_acks(self) -> None:
        """Wait until the client has taken all that there is for it, or takes nothing any more."""
        patience, left, seen_at = self._send_timeout or LAST_SECONDS, 0, monotonic()
        while not self._has_ended():
            now, before, left = monotonic(), left, self._untaken()
            seen_at = seen_at if left == before else now
            if left == 0 or now - seen_at > patience:
                break
            pause(_LOOK_SECONDS)

    def _has_ended(self) -> bool:
        descriptor = descriptor_of(self._socket)
        return descriptor is None or has_left(descriptor)

    def _untaken(self) -> int:
        descriptor = descriptor_of(self._socket)
        left = None if descriptor is None else unacked_bytes(descriptor)
        return (left or 0) + unwritten(self._environ)

    def cut(self) -> bool:
        """End it by a reset, so that nobody takes for whole what was cut short.

        :returns: whether it could; ``False`` where this server does not show its client's socket.
        """
        self._is_guarded = False
        descriptor = descriptor_of(self._socket)
        if descriptor is not None:
            cut(descriptor)
        return descriptor is not None

    def close(self) -> None:
        """Look no more at a connection that may serve its next request from here on; one that is
        guarded yet serves none."""
        with self._cutting:
            self._is_closed = True
        run_all(self.unwatch, self._look_no_more, self._cut_if_guarded)

    def _cut_if_guarded(self) -> None:
        if self._is_guarded:
            self.cut()

    def _look_no_more(self) -> None:
        timer, self._timer = self._timer, None
        if timer is not None:
            timer.cancel()

    # In the hub, or on the timer thread.

    def _check_later(self) -> None:
        self._timer = self._runtime.schedule(self._send_timeout / LOOKS, self._check)

    def _check(self) -> None:
        if self._process != os.getpid():  # a forked child's copy: to cut it would cut the parent's
            return
        if self._is_closed:
            return
        descriptor = descriptor_of(self._socket)
        if not self._is_stuck(descriptor):
            self._look_again()
            return
        self._gone()
        if descriptor is not None:
            self._cut_unless_closed(descriptor)

    def _look_again(self) -> None:
        self._check_later()
        if self._is_closed:  # meanwhile, where this is the timer thread
            self._look_no_more()

    def _cut_unless_closed(self, descriptor: int) -> None:
        # On the timer thread the server may close the body meanwhile. The lock keeps this from
        # cutting a connection that serves its next request by then, and is held for nothing else.
        with self._cutting:
            if not self._is_closed:
                cut(descriptor)

    def _is_stuck(self, descriptor: Optional[int]) -> bool:
        """Whether nothing has moved for the whole time. A slow client takes a little now and then,
        and for one who has taken all, the server itself is slow."""
        now, bytes_left = monotonic(), None if descriptor is None else unacked_bytes(descriptor)
        received_items = self._received_items()
        seen = received_items, self.control_blocks, bytes_left
        if received_items is None or bytes_left == 0 or seen != self._seen:
            self._seen, self._seen_at = seen, now
        return now - self._seen_at >= self._send_timeout

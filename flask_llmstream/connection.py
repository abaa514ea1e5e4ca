"""``Connection``: the client's end of one stream, watched for a departure and cut when it is stuck.

Floor 3: sockets by their descriptor alone, whoever owns them.
"""

from __future__ import annotations

from time import monotonic
from typing import Any, Callable, Dict, Optional

from gevent.monkey import get_original

from .liveness import NoWatch, Watch, client_descriptor, cut, keep_alive, watch
from .timers import Timer
from .worker import Habitat

_allocate_lock = get_original("_thread", "allocate_lock")


class Connection:
    """What a stream knows of its client.

    :param environ: the request's.
    :param gone: called, without blocking, when the client has left or takes nothing any more.
    :param send_timeout: seconds that the client may take for one block; 0: any.
    :ivar handed_at: when the server was given the block it writes now, on the monotonic clock;
        ``None`` while it waits for one. Who reads the stream writes it.
    """

    __slots__ = (
        "handed_at", "_environ", "_habitat", "_gone", "_send_timeout", "_watch", "_timer",
        "_checking", "_is_closed", "__weakref__",
    )  # fmt: skip

    def __init__(
        self,
        environ: Dict[str, Any],
        habitat: Habitat,
        gone: Callable[[], object],
        send_timeout: float,
    ) -> None:
        self.handed_at: Optional[float] = None
        self._environ = environ
        self._habitat = habitat
        self._gone = gone
        self._send_timeout = send_timeout
        self._watch: Watch = NoWatch()
        self._timer: Optional[Timer] = None
        self._checking = _allocate_lock()
        self._is_closed = False
        if send_timeout:
            self._check_after(send_timeout)

    def watch(self) -> None:
        """Have a departure noticed while nothing is written, and a half-open connection ended."""
        descriptor = client_descriptor(self._environ)
        if descriptor is not None:
            keep_alive(descriptor, self._send_timeout)
        here = self._habitat
        self._watch = watch(self._environ, self._gone, here.schedule, here.watch)

    def unwatch(self) -> None:
        """A departure is of no interest any more; harmless when called again."""
        self._watch.stop()
        self._watch = NoWatch()

    def close(self) -> None:
        """Look no more at a connection that may serve its next request from here on."""
        with self._checking:
            self._is_closed = True
        self.unwatch()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    # In the hub, or on the timer thread.

    def _check_after(self, seconds: float) -> None:
        self._timer = self._habitat.schedule(seconds, self._check)

    def _check(self) -> None:
        # On the timer thread a check may be under way while the server closes the body. The lock
        # keeps it from cutting a connection that serves its next request by then.
        with self._checking:
            if not self._is_closed:
                self._check_the_last_block()

    def _check_the_last_block(self) -> None:
        handed_at = self.handed_at
        stuck = 0.0 if handed_at is None else monotonic() - handed_at
        if stuck < self._send_timeout:
            self._check_after(self._send_timeout - stuck)
            return
        self._gone()
        descriptor = client_descriptor(self._environ)
        if descriptor is not None:
            cut(descriptor)

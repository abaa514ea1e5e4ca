"""``Connection``: the client's end of one stream, watched for a departure and cut when it is stuck.

Floor 3: sockets by their descriptor alone, whoever owns them.
"""

from __future__ import annotations

import os
from time import monotonic
from typing import Any, Callable, Dict, Optional, Tuple

from gevent.monkey import get_original

from .client_socket import client_descriptor, cut, keep_alive, limit_unsent, untaken
from .errors import StreamError
from .liveness import NoWatch, Watch, watch
from .timers import Timer
from .worker import Habitat

_allocate_lock = get_original("_thread", "allocate_lock")


LOOKS = 2
"""How often within its ``send_timeout`` a client is looked at; one that is stuck is cut at the
first look behind it."""


class Connection:
    """What a stream knows of its client.

    :param environ: the request's.
    :param gone: called, without blocking, when the client has left or takes nothing any more.
    :param send_timeout: seconds in which the client has to take something of what there is for
        it; 0: any.
    :param handed: tells how many items the server was given to write; ``None`` while it waits
        for more.
    :ivar others: how many blocks it was given that are no items. Who reads the stream counts.
    """

    __slots__ = (
        "others", "_environ", "_habitat", "_gone", "_send_timeout", "_handed", "_watch",
        "_timer", "_checking", "_is_closed", "_seen", "_seen_at", "_process", "__weakref__",
    )  # fmt: skip

    def __init__(
        self,
        environ: Dict[str, Any],
        habitat: Habitat,
        gone: Callable[[], object],
        send_timeout: float,
        handed: Callable[[], Optional[int]],
    ) -> None:
        self.others = 0
        self._environ = environ
        self._habitat = habitat
        self._gone = gone
        self._send_timeout = send_timeout
        self._handed = handed
        self._watch: Watch = NoWatch()
        self._timer: Optional[Timer] = None
        self._checking = _allocate_lock()
        self._is_closed = False
        self._process = os.getpid()
        self._seen: Tuple[Optional[int], ...] = ()
        self._seen_at = 0.0
        if send_timeout:
            self._check_later()

    def watch(self) -> None:
        """Have a departure noticed while nothing is written, and a half-open connection ended."""
        descriptor = client_descriptor(self._environ)
        if descriptor is not None:
            keep_alive(descriptor, self._send_timeout)
        here = self._habitat
        self._watch = watch(self._environ, self._gone, here.schedule, here.watch)

    def limit_unsent(self) -> None:
        """Have little lie in the kernel, so that a reader who stands still is felt soon."""
        descriptor = client_descriptor(self._environ)
        if descriptor is not None:
            limit_unsent(descriptor)

    def unwatch(self) -> None:
        """A departure is of no interest any more; harmless when called again."""
        self._watch.stop()
        self._watch = NoWatch()

    def cut(self) -> None:
        """End it, so that nobody takes for whole what was cut short.

        :raises StreamError: this server does not show its client's socket. An exception has the
            server end the connection itself.
        """
        descriptor = client_descriptor(self._environ)
        if descriptor is None:
            raise StreamError("the stream has failed, and its format has no words for that")
        cut(descriptor)

    def close(self) -> None:
        """Look no more at a connection that may serve its next request from here on."""
        with self._checking:
            self._is_closed = True
        self.unwatch()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    # In the hub, or on the timer thread.

    def _check_later(self) -> None:
        self._timer = self._habitat.schedule(self._send_timeout / LOOKS, self._check)

    def _check(self) -> None:
        if self._process != os.getpid():  # a forked child's copy: to cut it would cut the parent's
            return
        # On the timer thread a check may be under way while the server closes the body. The lock
        # keeps it from cutting a connection that serves its next request by then.
        with self._checking:
            if self._is_closed:
                return
            descriptor = client_descriptor(self._environ)
            if not self._is_stuck(descriptor):
                self._check_later()
                return
            self._gone()
            if descriptor is not None:
                cut(descriptor)

    def _is_stuck(self, descriptor: Optional[int]) -> bool:
        """Whether nothing has moved for the whole time. A slow client takes a little now and then,
        and for one who has taken all, the server itself is slow."""
        now, bytes_left = monotonic(), None if descriptor is None else untaken(descriptor)
        handed = self._handed()
        seen = handed, self.others, bytes_left
        if handed is None or bytes_left == 0 or seen != self._seen:
            self._seen, self._seen_at = seen, now
        return now - self._seen_at >= self._send_timeout

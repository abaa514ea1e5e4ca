"""``Resolver``: a test decides which names it knows and which look-ups hang."""

from __future__ import annotations

import socket
import time
from contextlib import contextmanager
from typing import Any, Dict, Iterator, List, Tuple

from gevent.monkey import get_original

from tests.support.upstream import HANG_GUARD

_allocate_lock = get_original("_thread", "allocate_lock")


class Resolver:
    """Replaces ``socket.getaddrinfo``, as applications do with their own resolvers.

    It blocks the native thread that calls it, as the system's resolver does.

    :ivar known: the addresses of each name. Any other name is unknown.
    :ivar asked: the names that were looked up, in their order.
    """

    def __init__(self) -> None:
        self.known: Dict[str, List[str]] = {}
        self.asked: List[str] = []
        self._hanging: Dict[str, Any] = {}

    @contextmanager
    def hanging(self, *names: str) -> Iterator[None]:
        """Let look-ups of these names hang until the end of the block."""
        locks = {name: _allocate_lock() for name in names}
        for lock in locks.values():
            lock.acquire()
        self._hanging.update(locks)
        try:
            yield
        finally:
            for lock in locks.values():
                lock.release()

    def wait_until_asked(self, name: str, times: int = 1) -> None:
        """Return when this number of look-ups of a name have begun."""
        for _ in range(HANG_GUARD * 1000):
            if self.asked.count(name) >= times:
                return
            time.sleep(0.001)
        raise AssertionError(f"nobody looks {name} up: {self.asked}")

    def __call__(self, host: str, port: int, *_: Any) -> List[Tuple[Any, ...]]:
        lock = self._hanging.get(host)
        self.asked.append(host)
        if lock is not None:
            assert lock.acquire(True, HANG_GUARD)
            lock.release()
        if host not in self.known:
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        kind = (socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP, "")
        return [(*kind, (address, port)) for address in self.known[host]]

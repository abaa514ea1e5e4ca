"""``free_port``: ports for servers that must be told theirs."""

from __future__ import annotations

import contextlib
import itertools
import secrets
import socket
from typing import Iterator

PORTS = range(20_000, 32_000)
"""Below the ports that Linux gives to clients, and to servers that take any. One of those could be
taken before the server that was told of it listens."""

_first = secrets.randbelow(len(PORTS))
_ports: Iterator[int] = itertools.cycle([*PORTS[_first:], *PORTS[:_first]])


def free_port() -> int:
    """A port on which nothing listens. A process takes them in turn and begins at a random one. So
    another process, which looks for one at the same moment, looks elsewhere."""
    return next(filter(is_free, _ports))


def is_free(port: int) -> bool:
    """Whether nothing listens on it."""
    with contextlib.suppress(OSError), socket.socket() as probe:
        probe.bind(("127.0.0.1", port))
        return True
    return False

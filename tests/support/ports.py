"""``free_port``: ports for servers that must be told theirs."""

from __future__ import annotations

import contextlib
import itertools
import secrets
import socket

PORTS = range(20_000, 32_000)
"""Below those that Linux gives to clients, and to servers that take any. Otherwise such a port could
be gone before the server listens that was told of it."""

_numbers = itertools.count(secrets.randbelow(len(PORTS)))


def free_port() -> int:
    """A port on which nothing listens. It is given once in a process, and each process begins at a
    random one: others that run meanwhile are given others."""
    for number in _numbers:
        port = PORTS[number % len(PORTS)]
        with contextlib.suppress(OSError), socket.socket() as probe:
            probe.bind(("127.0.0.1", port))
            return port
    raise AssertionError("the numbers have an end")

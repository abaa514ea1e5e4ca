"""A Redis that a server keeps its streams in, and what that costs the Redis."""

from __future__ import annotations

import socket
import subprocess
from typing import Dict

from .metrics import Stored
from .processes import Process, cores, free_port, wait_until_listening


class Redis(Process):
    """A Redis on the readers' core. It writes nothing to a disk."""

    def __init__(self) -> None:
        self.port = free_port()
        self.variables = {"REDIS_URL": f"redis://127.0.0.1:{self.port}"}
        command = ("redis-server", "--port", self.port, "--save", "", "--appendonly", "no")
        try:
            super().__init__(cores()[1], *command, stdout=subprocess.DEVNULL)
        except FileNotFoundError:
            raise SystemExit("benchmarks: redis-server is needed and not installed") from None
        wait_until_listening(self, "redis-server")
        self._connection = socket.create_connection(("127.0.0.1", self.port))
        self._replies = self._connection.makefile("rb")

    def stored(self) -> Stored:
        """What it has done so far. The two questions of this count, too."""
        calls = self._info("commandstats")
        commands = sum(int(line.split("calls=")[1].split(",")[0]) for line in calls.values())
        trips = int(self._info("stats")["total_reads_processed"])
        return Stored(commands, trips, self.usage().cpu_seconds)

    def _info(self, section: str) -> Dict[str, str]:
        self._connection.sendall(f"INFO {section}\r\n".encode())
        size = int(self._replies.readline()[1:])
        lines = self._replies.read(size + 2).decode().split("\r\n")
        return dict(line.split(":", 1) for line in lines if ":" in line)

"""The two processes of a measurement, a core for each: a server under test, and its readers."""

from __future__ import annotations

import json
import os
import resource
import socket
import subprocess
import time
from functools import partial
from http.client import HTTPConnection
from pathlib import Path
from types import TracebackType
from typing import Any, Dict, Optional, Tuple, Type

from . import prepare
from .servers import Server
from .works import Usage, Work

START_SECONDS = 30.0


def cores() -> Tuple[int, int]:
    """One core for the server and another for the readers."""
    allowed = sorted(os.sched_getaffinity(0))
    if len(allowed) < 2:
        raise SystemExit("benchmarks: two cores are needed, for the server and its readers")
    return allowed[0], allowed[-1]


class Process:
    """A child process on one core, ended with the ``with`` block."""

    def __init__(self, core: int, *command: object, **options: Any) -> None:
        pin = partial(_pin, core)
        words = [str(word) for word in command]
        self.popen = subprocess.Popen(words, preexec_fn=pin, text=True, **options)

    def __enter__(self) -> Any:
        return self

    def __exit__(
        self,
        kind: Optional[Type[BaseException]],
        error: Optional[BaseException],
        trace: Optional[TracebackType],
    ) -> None:
        self.popen.kill()
        self.popen.communicate()


class ServerProcess(Process):
    """A server of event streams on a free port of 127.0.0.1."""

    def __init__(self, server: Server) -> None:
        self.server = server
        self.port = _free_port()
        command = (prepare.interpreter(server.environment), server.path, self.port)
        super().__init__(cores()[0], *command, env=prepare.variables(server.checkout))
        self._wait_until_listening()

    def body(self, path: str) -> bytes:
        """The whole body of one GET."""
        connection = HTTPConnection("127.0.0.1", self.port, timeout=START_SECONDS)
        connection.request("GET", self.server.prefix + path)
        response = connection.getresponse()
        body = response.read()
        connection.close()
        if response.status != 200:
            raise SystemExit(f"benchmarks: {self.server.name} answered {response.status}")
        return body

    def usage(self) -> Usage:
        """CPU of all its threads, and memory; ``stat`` has the CPU too, but in steps of 10 ms."""
        proc = Path("/proc", str(self.popen.pid))
        threads = proc.glob("task/*/schedstat")
        cpu = sum(int(thread.read_text().split()[0]) for thread in threads) / 1e9
        pages = int((proc / "statm").read_text().split()[1])
        return Usage(cpu, pages * os.sysconf("SC_PAGE_SIZE") / 1024)

    def _wait_until_listening(self) -> None:
        deadline = time.monotonic() + START_SECONDS
        while self.popen.poll() is None and time.monotonic() < deadline:
            try:
                socket.create_connection(("127.0.0.1", self.port)).close()
                return
            except ConnectionRefusedError:
                time.sleep(0.02)
        self.popen.kill()
        raise SystemExit(f"benchmarks: {self.server.name} did not start")


class Readers(Process):
    """The compiled client, reading ``work`` from a server; ``client.c`` says what it prints."""

    def __init__(self, target: ServerProcess, work: Work) -> None:
        path = target.server.prefix + work.path
        times = (work.spread * 1000, work.hold * 1000)
        command = (prepare.CLIENT, target.port, path, work.readers, *times)
        pipe = subprocess.PIPE
        super().__init__(cores()[1], *command, stdin=pipe, stdout=pipe)

    def phase(self, name: str) -> Dict[str, float]:
        """Wait for a phase to be over; its numbers."""
        assert self.popen.stdout is not None
        line = self.popen.stdout.readline()
        if not line:
            raise SystemExit("benchmarks: the client gave up, see above")
        numbers: Dict[str, Any] = json.loads(line)
        phase = numbers.pop("phase")
        assert phase == name, f"the client is in phase {phase}, not {name}"
        return numbers


def _pin(core: int) -> None:
    """One core, and a file for each of thousands of connections."""
    os.sched_setaffinity(0, {core})
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port

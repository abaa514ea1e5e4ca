"""The processes of a measurement: a server on a core of its own, and on another core the rest."""

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
from types import MappingProxyType, TracebackType
from typing import Any, Dict, Iterator, List, Mapping, Optional, Tuple, Type

from . import prepare
from .metrics import Load, Usage
from .servers import HERE, Server
from .work import Work

START_SECONDS = 120.0
SPARE_FILES = 100


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

    def usage(self) -> Usage:
        """Memory, and CPU of all threads, with its children.

        ``stat`` has the CPU too, but in steps of 10 ms.
        """
        found = list(_family(self.popen.pid))
        return Usage(sum(map(_cpu_seconds, found)), sum(map(_rss_kib, found)))

    def line(self) -> str:
        """The next line of its standard output."""
        assert self.popen.stdout is not None
        found: str = self.popen.stdout.readline()
        if not found:
            raise SystemExit(f"benchmarks: {self.popen.args[0]} gave up, see above")
        return found

    def tell(self, line: str) -> None:
        """Write a line to its standard input."""
        assert self.popen.stdin is not None
        self.popen.stdin.write(line + "\n")
        self.popen.stdin.flush()


class Upstream(Process):
    """A model's server with OpenAI's API, on the readers' core. ``upstream.js`` says what it does.

    :param scheme: ``http`` or ``https``.
    """

    def __init__(self, scheme: str) -> None:
        self.port = free_port()
        self.variables = {"UPSTREAM": f"{scheme}://127.0.0.1:{self.port}/v1"}
        files: List[Path] = []
        if scheme == "https":
            self.variables["UPSTREAM_CA"] = str(prepare.AUTHORITY)
            files = [prepare.CERTIFICATE, prepare.KEY]
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
        command = ("node", HERE / "upstream.js", self.port, *files)
        super().__init__(cores()[1], *command, **pipes)
        self.line()

    def load(self) -> Load:
        self.tell("connections?")
        return Load(self.usage().cpu_seconds, int(self.line()))


class ServerProcess(Process):
    """A server of event streams on a free port of 127.0.0.1.

    :param variables: tell it where the model's server is, or the Redis.
    """

    def __init__(self, server: Server, variables: Mapping[str, str] = MappingProxyType({})) -> None:
        self.server = server
        self.port = free_port()
        command = (prepare.interpreter(server.environment), server.path, self.port)
        env = {**prepare.variables(server.checkout), **variables}
        super().__init__(cores()[0], *command, env=env)
        wait_until_listening(self, server.name)

    def body(self, path: str, posted: str = "") -> bytes:
        """The whole body of one GET, or of one POST of some JSON."""
        connection = HTTPConnection("127.0.0.1", self.port, timeout=START_SECONDS)
        method, kind = ("POST", "application/json") if posted else ("GET", "text/plain")
        headers = {"Content-Type": kind}
        connection.request(method, self.server.prefix + path, posted or None, headers)
        response = connection.getresponse()
        body = response.read()
        connection.close()
        if response.status != 200:
            raise SystemExit(f"benchmarks: {self.server.name} answered {response.status}")
        return body


class Readers(Process):
    """The compiled client, at ``work`` on a port; ``client.c`` says what it prints."""

    def __init__(self, port: int, work: Work, prefix: str = "") -> None:
        times = (work.spread * 1000, work.hold * 1000)
        asked = (port, work.request(prefix, port), work.mark)
        command = (prepare.CLIENT, *asked, work.readers, work.at_once, *times)
        pipe = subprocess.PIPE
        super().__init__(cores()[1], *command, stdin=pipe, stdout=pipe)

    def phase(self, name: str) -> Dict[str, Any]:
        """Wait for a phase to be over; its numbers."""
        numbers: Dict[str, Any] = json.loads(self.line())
        phase = numbers.pop("phase")
        assert phase == name, f"the client is in phase {phase}, not {name}"
        return numbers


def wait_until_listening(process: Any, name: str) -> None:
    """Wait until a process with a ``port`` takes connections."""
    deadline = time.monotonic() + START_SECONDS
    while process.popen.poll() is None and time.monotonic() < deadline:
        try:
            socket.create_connection(("127.0.0.1", process.port)).close()
            return
        except ConnectionRefusedError:
            time.sleep(0.02)
    process.popen.kill()
    raise SystemExit(f"benchmarks: {name} did not start")


def check_limits(works: Tuple[Work, ...]) -> None:
    """Each open stream is a file of the server and one of the client."""
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    for work in works:
        needed = work.readers + SPARE_FILES
        if not work.at_once and hard != resource.RLIM_INFINITY and needed > hard:
            raise SystemExit(f"benchmarks: {work.name} needs {needed} open files (ulimit -Hn)")


def _family(pid: int) -> Iterator[Path]:
    """The process and its children, and theirs."""
    proc = Path("/proc", str(pid))
    yield proc
    for listed in proc.glob("task/*/children"):
        for child in listed.read_text().split():
            yield from _family(int(child))


def _cpu_seconds(proc: Path) -> float:
    threads = proc.glob("task/*/schedstat")
    return sum(int(thread.read_text().split()[0]) for thread in threads) / 1e9


def _rss_kib(proc: Path) -> float:
    pages = int((proc / "statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1024


def _pin(core: int) -> None:
    """One core, and a file for each of thousands of connections."""
    os.sched_setaffinity(0, {core})
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port

"""What a stream costs to a WSGI app that is called without a socket, in blocks that take turns."""

from __future__ import annotations

import subprocess
from contextlib import ExitStack
from statistics import median
from typing import Dict, List

from . import prepare
from .processes import Process, cores
from .servers import HERE, Server
from .work import Work

BLOCKS = 60


class BareApp(Process):
    """The app of a server's file, in a process of its own; ``bare_app.py`` calls it."""

    def __init__(self, server: Server) -> None:
        command = (prepare.interpreter(server.environment), HERE / "bare_app.py", server.path.stem)
        pipes: Dict[str, int] = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
        super().__init__(cores()[0], *command, env=prepare.variables(server.checkout), **pipes)

    def cpu(self, path: str, streams: int) -> float:
        """Its CPU for some streams, in µs a stream."""
        self.tell(f"{path} {streams}")
        return float(self.line())


def cpu_of_calls(work: Work, servers: List[Server]) -> List[float]:
    """The medians of the servers, in µs a stream."""
    with ExitStack() as stack:
        apps = [stack.enter_context(BareApp(server)) for server in servers]
        blocks = [
            [app.cpu(server.prefix + work.path, work.readers) for app, server in zip(apps, servers)]
            for _ in range(1 + BLOCKS)
        ]
    return [median(of_app) for of_app in zip(*blocks[1:])]  # the first is the warm-up

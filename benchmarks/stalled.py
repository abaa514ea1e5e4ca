"""The memory of a server whose reader stands still while its producer goes on as fast as it can.

``python -m benchmarks.stalled``: a gevent.pywsgi for each strategy, all at once, so that they share
the core. The reader connects, asks and reads nothing.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import socket
import time
from typing import Any, Dict, Iterator, List

from . import prepare
from .processes import ServerProcess
from .servers import Server

STRATEGIES = ("block", "missing", "buffer", "drop", "latest", "coalesce", "error")
LOOKS = (1.0, 10.0, 30.0)
"""The memory is measured so many seconds after the reader has come."""

SETTLED = 0.5


def server(strategy: str) -> Server:
    return Server(strategy, "overflowing.py", "flask", "one strategy", f"/{strategy}")


@contextlib.contextmanager
def stalled_reader(target: ServerProcess) -> Iterator[None]:
    """A reader who asks for the stream and takes nothing of it."""
    with socket.create_connection(("127.0.0.1", target.port)) as connection:
        path = f"{target.server.prefix}/stream"
        connection.sendall(f"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
        yield


def statistics(target: ServerProcess) -> Dict[str, Any]:
    counts: Dict[str, Any] = json.loads(target.body("/statistics"))
    return counts


def report(target: ServerProcess, kib: List[float]) -> str:
    counts = statistics(target)
    gone = sum(counts[f"{of}_items"] for of in ("received", "lost", "merged"))
    memory = "".join(f"{number:10,.0f}" for number in kib)
    numbers = f"{counts['sent_items']:14,}{counts['lost_items']:14,}{counts['merged_items']:14,}"
    end = "overflow" if counts["ended"] else ""
    return f"{target.server.name:10}{memory}{numbers}{counts['sent_items'] - gone:8,}  {end}"


def grown(targets: List[ServerProcess], stack: contextlib.ExitStack) -> List[List[float]]:
    """By how many KiB each has grown since before its reader came, at each of :data:`LOOKS`."""
    before = [target.usage().rss_kib for target in targets]
    for target in targets:
        stack.enter_context(stalled_reader(target))
    begin = time.monotonic()
    looks = []
    for seconds in LOOKS:
        time.sleep(begin + seconds - time.monotonic())
        looks.append([target.usage().rss_kib - had for target, had in zip(targets, before)])
    return [list(of_one) for of_one in zip(*looks)]


def main() -> None:
    argparse.ArgumentParser(prog="python -m benchmarks.stalled", description=__doc__).parse_args()
    prepare.prepare(["flask"])
    with contextlib.ExitStack() as stack:
        targets = [stack.enter_context(ServerProcess(server(name))) for name in STRATEGIES]
        time.sleep(SETTLED)
        memory = grown(targets, stack)
        heads = "".join(f"{f'{seconds:g} s':>10}" for seconds in LOOKS)
        print(f"{'KiB more':10}{heads}{'sent':>14}{'lost':>14}{'merged':>14}{'wait':>8}  ended")
        for target, kib in zip(targets, memory):
            print(report(target, kib))


if __name__ == "__main__":
    main()

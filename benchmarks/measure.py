"""One measurement of one server at one work, and the rounds of all of them."""

from __future__ import annotations

import time
from typing import Dict, Iterator, NamedTuple, Tuple

from .processes import Readers, ServerProcess
from .servers import Server
from .verify import check_bytes, check_counts
from .works import Run, Work

SETTLE_SECONDS = 0.1


class Result(NamedTuple):
    """The numbers of one run, by the metric's name."""

    round: int
    work: str
    server: str
    numbers: Dict[str, float]
    client_share: float


def rounds(count: int, works: Tuple[Work, ...], servers: Tuple[Server, ...]) -> Iterator[Result]:
    """All servers in turn at each work, ``count`` times: a slow minute then slows all of them."""
    for number in range(1, count + 1):
        for work in works:
            for server in servers:
                yield measure(number, work, server)


def measure(number: int, work: Work, server: Server) -> Result:
    """One run on a server started for it."""
    with ServerProcess(server) as process:
        check_bytes(server, process.body)
        if work.warm_up is not None:
            read(process, work.warm_up)
        run = read(process, work)
    numbers = {metric.name: metric.of(run) for metric in work.metrics}
    share = run.done["client_cpu"] / run.done["seconds"]
    return Result(number, work.name, server.name, numbers, share)


def read(process: ServerProcess, work: Work) -> Run:
    """Let the readers read, and look at the server before, between and after."""
    before = process.usage()
    with Readers(process, work) as readers:
        open_numbers = readers.phase("open")
        opened = process.usage()
        done = readers.phase("done")
        if not work.hold:
            time.sleep(SETTLE_SECONDS)  # what a server does after its last byte counts too
        after = process.usage()
    check_counts(process.server, work, done)
    return Run(before, opened, after, open_numbers, done)

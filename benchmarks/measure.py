"""One measurement of one server at one work, and the rounds of all of them."""

from __future__ import annotations

import time
from contextlib import ExitStack
from typing import Any, Dict, Iterator, List, NamedTuple, Optional, Tuple

from .bare import cpu_of_calls
from .metrics import Load, Run, Stored
from .processes import Readers, ServerProcess, Upstream
from .redis_process import Redis
from .servers import Server
from .verify import check_counts, check_sample
from .work import Work

SETTLE_SECONDS = 0.3


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
            doing = [server for server in servers if work.is_for(server)]
            if work.name == "opening":
                yield from measure_calls(number, work, doing)
            else:
                yield from (measure(number, work, server) for server in doing)


def measure_calls(number: int, work: Work, servers: List[Server]) -> Iterator[Result]:
    """The servers' apps, called in turn."""
    for server, cpu in zip(servers, cpu_of_calls(work, servers)):
        yield Result(number, work.name, server.name, {work.metrics[0].name: cpu}, 0.0)


def measure(number: int, work: Work, server: Server) -> Result:
    """One run on a server started for it, and before that the model's server or the Redis that it
    needs."""
    with ExitStack() as stack:
        upstream = stack.enter_context(Upstream(work.upstream)) if work.upstream else None
        redis = stack.enter_context(Redis()) if work.redis else None
        needed = upstream or redis
        variables = needed.variables if needed else {}
        process = stack.enter_context(ServerProcess(server, variables))
        check_sample(server, work, process.body)
        if work.warm_up is not None:
            read(process, work.warm_up, upstream, redis)
        run = read(process, work, upstream, redis)
    numbers = {metric.name: metric.of(run) for metric in work.metrics}
    return Result(number, work.name, server.name, numbers, run.client_share)


def read(
    process: ServerProcess, work: Work, upstream: Optional[Upstream], redis: Optional[Redis]
) -> Run:
    """Let the readers read, and look at the server before, between and after."""
    direct = read_directly(upstream, work) if upstream and work.direct else {}
    load = load_of(upstream)
    before, stored = process.usage(), [stored_in(redis)]
    with Readers(process.port, work, process.server.prefix) as readers:
        open_numbers = readers.phase("open")
        opened = process.usage()
        stored.append(stored_in(redis))
        done = readers.phase("done")
        if not work.hold:
            time.sleep(SETTLE_SECONDS)  # what a server does after its last byte counts too
        after = process.usage()
        stored.append(stored_in(redis))
    check_counts(process.server, work, done)
    loaded = added(load, load_of(upstream))
    first, second, third = stored
    return Run(before, opened, after, open_numbers, done, loaded, direct, (first, second, third))


def read_directly(upstream: Upstream, work: Work) -> Dict[str, Any]:
    """The same work at the model's server itself."""
    with Readers(upstream.port, work) as readers:
        readers.phase("open")
        return readers.phase("done")


def stored_in(redis: Optional[Redis]) -> Stored:
    return redis.stored() if redis else Stored(0, 0, 0.0)


def load_of(upstream: Optional[Upstream]) -> Load:
    return upstream.load() if upstream else Load(0.0, 0)


def added(before: Load, after: Load) -> Load:
    cpu_seconds = after.cpu_seconds - before.cpu_seconds
    return Load(cpu_seconds, after.connections - before.connections)

"""The numbers that are taken from one measurement."""

from __future__ import annotations

from typing import Any, Callable, Dict, NamedTuple, Tuple


class Usage(NamedTuple):
    """What a server has used so far, with its child processes."""

    cpu_seconds: float
    rss_kib: float


class Load(NamedTuple):
    """What the model's server behind a relay has done so far."""

    cpu_seconds: float
    connections: int


class Stored(NamedTuple):
    """What the Redis behind a server has done so far.

    ``trips`` is how often it read from a socket: a pipeline that comes as a whole is one.
    """

    commands: int
    trips: int
    cpu_seconds: float


class Run(NamedTuple):
    """One measurement: the server before it, when all had an event, and after; and the client.

    ``stored`` is the Redis at these three times. ``direct`` is what the client got from the model's
    server itself, where a work asks for that.
    """

    before: Usage
    opened: Usage
    after: Usage
    open: Dict[str, Any]
    done: Dict[str, Any]
    upstream: Load
    direct: Dict[str, Any]
    stored: Tuple[Stored, Stored, Stored]

    @property
    def client_share(self) -> float:
        """How much of the readers' core was used, by them, the model's server and the Redis."""
        redis = self.stored[2].cpu_seconds - self.stored[0].cpu_seconds
        used: float = self.done["client_cpu"] + self.upstream.cpu_seconds + redis
        return used / float(self.done["seconds"])


class Metric(NamedTuple):
    """A number of one run. All are better when lower, but for :data:`ANSWERS`."""

    name: str
    unit: str
    of: Callable[[Run], float]


def _cpu_of_all(run: Run) -> float:
    return (run.after.cpu_seconds - run.before.cpu_seconds) / run.done["events"] * 1e6


def _cpu_while_open(run: Run) -> float:
    events = run.done["events"] - run.open["events"]
    return (run.after.cpu_seconds - run.opened.cpu_seconds) / events * 1e6


def _memory_a_stream(run: Run) -> float:
    return (run.after.rss_kib - run.before.rss_kib) / run.done["readers"]


def _cpu_a_stream(run: Run) -> float:
    return (run.after.cpu_seconds - run.before.cpu_seconds) / run.done["readers"] * 1e6


def _answers_a_second(run: Run) -> float:
    answers: float = run.done["readers"]
    return answers / float(run.done["seconds"])


def _first_behind_upstream(run: Run) -> float:
    through: float = run.done["first_p50_ms"]
    return through - float(run.direct["first_p50_ms"])


def _time_of_a_mb(run: Run) -> float:
    return float(run.done["seconds"]) * 1e3 / (run.done["bytes"] / 1e6)


def _of_redis(name: str, factor: float = 1) -> Callable[[Run], float]:
    def of_all(run: Run) -> float:
        before, _, after = (getattr(stored, name) for stored in run.stored)
        return float(after - before) * factor / run.done["events"]

    return of_all


def _of_redis_while_open(name: str, factor: float = 1) -> Callable[[Run], float]:
    def while_open(run: Run) -> float:
        _, opened, after = (getattr(stored, name) for stored in run.stored)
        return float(after - opened) * factor / (run.done["events"] - run.open["events"])

    return while_open


def _of_client(name: str) -> Callable[[Run], float]:
    return lambda run: run.done[name]


FIRST_MEDIAN = Metric("first event, median", "ms", _of_client("first_p50_ms"))
FIRST = Metric("first event, p99", "ms", _of_client("first_p99_ms"))
FIRST_BEHIND = Metric("first event, behind the model's own, median", "ms", _first_behind_upstream)
LATENCY_MEDIAN = Metric("yield to client, median", "ms", _of_client("latency_p50_ms"))
LATENCY = Metric("yield to client, p99", "ms", _of_client("latency_p99_ms"))
CPU = Metric("CPU", "µs an event", _cpu_of_all)
CPU_A_STREAM = Metric("CPU", "µs a stream", _cpu_a_stream)
CPU_WHILE_OPEN = Metric("CPU", "µs an event", _cpu_while_open)
MEMORY = Metric("memory", "KiB a stream", _memory_a_stream)
MEMORY_UNUSED = Metric("memory, no stream", "MiB", lambda run: run.before.rss_kib / 1024)
MEMORY_IN_USE = Metric("memory, all open", "MiB", lambda run: run.after.rss_kib / 1024)
ANSWERS = Metric("answers", "a second", _answers_a_second)
CONNECTIONS = Metric("connections", "to the model", lambda run: run.upstream.connections)
TIME_OF_A_MB = Metric("time", "ms a MB", _time_of_a_mb)
COMMANDS = Metric("Redis commands", "an event", _of_redis("commands"))
COMMANDS_WHILE_OPEN = Metric("Redis commands", "an event", _of_redis_while_open("commands"))
TRIPS = Metric("round trips to Redis", "an event", _of_redis("trips"))
TRIPS_WHILE_OPEN = Metric("round trips to Redis", "an event", _of_redis_while_open("trips"))
REDIS_CPU = Metric("CPU of Redis", "µs an event", _of_redis("cpu_seconds", 1e6))
REDIS_CPU_WHILE_OPEN = Metric(
    "CPU of Redis", "µs an event", _of_redis_while_open("cpu_seconds", 1e6)
)

"""A process that produces or reads a stream in Redis, for tests that end it.

``python -m tests.support.redis_processes produce URL PREFIX STREAM LEASE [patched]``: appends an
event every 10 ms, until a line comes on its stdin. ``read`` tells how much it has read.
"""

from __future__ import annotations

import sys

if __name__ == "__main__" and sys.argv[-1] == "patched":
    from gevent import monkey

    monkey.patch_all()

import contextlib
import os
import select
import subprocess
import threading
import time
from typing import Any, Iterator, Set

from flask_llmstream.replay.base import StreamHead
from flask_llmstream.replay.redis.storage import RedisStorage
from flask_llmstream.runtime.mutex import wakeup_of_the_caller
from tests.support.programs import ROOT  # noqa: E402


@contextlib.contextmanager
def process(role: str, *arguments: str, before: Any = ()) -> Iterator[Any]:
    """Start one, and wait until it runs. It is killed after the block.

    :param before: a command that starts it.
    """
    command = [*before, sys.executable, "-m", __name__, role, *arguments]
    started = subprocess.Popen(
        command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    try:
        assert started.stdout.readline() == "ready\n"
        yield started
    finally:
        started.kill()
        started.communicate()


HEAD = StreamHead("somebody", "text/event-stream", lost=b"data: lost\n\n")


def event(number: int) -> bytes:
    return b"data: %d\n\n" % number


def read_to(reading: Any, until: int) -> Any:
    """How many bytes and lost events came, and the reason of the end."""
    wakeup, after, size, lost, log = wakeup_of_the_caller(), 0, 0, 0, reading.log
    while after < until and (log.end is None or after < log.end.number):
        block = log.read(after)
        if block is None:
            log.wait(after, wakeup, 1)
        else:
            after, size, lost = block.last, size + len(block.events), lost + block.lost
    wakeup.close()
    return size, lost, log.end and log.end.reason


def produce(storage: Any, stream_id: str) -> None:
    ended = threading.Event()
    recording = storage.record(stream_id, HEAD, lambda reason: ended.set())
    print("ready", flush=True)
    number = 0
    while not ended.wait(0.01) and not select.select([sys.stdin], [], [], 0)[0]:
        number += 1
        recording.append(event(number))
    recording.finish(b"the end", "complete")
    print(number, flush=True)  # the storage sends what is left when the process ends


def read(storage: Any, stream_id: str) -> None:
    reading = storage.read(stream_id)
    read_to(reading, 1)
    print("ready", flush=True)
    read_to(reading, 2**62)


def fork(storage: Any, stream_id: str) -> None:
    """Produce a stream and follow another one, and fork children meanwhile. Each of them waits on
    its own hub, as the parent does, and then leaves without any clean-up."""
    other = type(storage)(*sys.argv[2:3], prefix=sys.argv[3], lease=float(sys.argv[5]))
    print("ready", flush=True)
    recording = storage.record(stream_id, HEAD, lambda reason: None)
    reading = other.read(stream_id)
    for number in range(1, 301):
        recording.append(event(number))
        time.sleep(0.005)
        if number % 50 == 0:
            of_parent = _sockets()
            if os.fork() == 0:
                time.sleep(0.3)
                new = f"{stream_id}-{number}"
                frame = b"inherited" if _sockets() & of_parent else b"child"
                storage.record(new, HEAD, lambda reason: None).finish(frame, "complete")
                storage.close()
                os._exit(0)
    recording.finish(b"the end", "complete")
    print(*read_to(reading, 2**62), flush=True)


def _sockets() -> Set[str]:
    found = set()
    for descriptor in os.listdir("/proc/self/fd"):
        with contextlib.suppress(FileNotFoundError):  # the one that lists them
            found.add(os.readlink(f"/proc/self/fd/{descriptor}"))
    return {one for one in found if one.startswith("socket:")}


def main() -> None:
    role, url, prefix, stream_id, lease, *_ = sys.argv[1:]
    roles = {"produce": produce, "read": read, "fork": fork}
    roles[role](RedisStorage(url, prefix=prefix, lease=float(lease)), stream_id)


if __name__ == "__main__":
    main()

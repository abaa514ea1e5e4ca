"""The wall clock jumps by an hour, as on a machine that wakes up or corrects its clock.

libfaketime stands between a real server and its clock. The monotonic clock does not jump.
"""

from __future__ import annotations

import glob
import os
import socket
import threading
import time

import pytest

from tests.conftest import needs
from tests.support.readers import Readers
from tests.support.servers import HANG_GUARD, PYWSGI, THREADS, running

LIBRARY = glob.glob("/usr/lib/*/faketime/libfaketimeMT.so.1")
HOUR = 3600
NEVER = 100 * HOUR
PATIENT = "/steps?" + "&".join(
    f"{timer}={NEVER}"
    for timer in "first_event_timeout idle_timeout total_timeout max_lifetime send_timeout".split()
)
SOON = 1.5
DUE = {
    f"/misbehaving/never_yields?first_event_timeout={SOON}": "timeout",
    f"/steps?idle_timeout={SOON}": "timeout",
    f"/steps?total_timeout={SOON}": "timeout",
    f"/steps?max_lifetime={SOON}": "shutdown",
}
"""The path of each stream that ends after the jump, and the reason of its end."""


class Clock:
    """The clock of a server.

    :ivar environment: what its process needs for it.
    """

    def __init__(self, path):
        self._path = path
        self.environment = {
            "LD_PRELOAD": LIBRARY[0],
            "FAKETIME_TIMESTAMP_FILE": str(path),
            "FAKETIME_NO_CACHE": "1",
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
        }
        self.set(0)

    def set(self, seconds):
        """Set by how many seconds the clock is ahead from now on."""
        new = self._path.with_suffix(".new")
        new.write_text(f"{seconds:+d}\n")
        os.replace(str(new), str(self._path))


@pytest.fixture(params=[PYWSGI, THREADS], ids=["gevent.pywsgi", "threads"])
def clock_and_server(request, tmp_path):
    needs("faketime", LIBRARY)
    clock = Clock(tmp_path / "clock")
    with running(request.param, **clock.environment) as live:
        yield clock, live


@pytest.mark.parametrize("jump", [HOUR, -HOUR], ids=["forwards", "backwards"])
def test_when_the_clock_jumps_nothing_ends_early_and_nothing_hangs(clock_and_server, jump):
    clock, live = clock_and_server
    with live.request("GET", "/steps?heartbeat=0.2") as beating, live.request(
        "GET", PATIENT
    ) as patient, Readers(live.port, DUE) as due, never_reading(live.port):
        beating.block()
        patient.block()
        due.read_until(lambda reader: reader.first_block_after is not None)
        live.post("/step")
        assert b"step 1" in patient.block()
        assert b"step 1" in behind_heartbeats(beating)

        clock.set(jump)
        assert all_are_ahead(live, jump)

        assert [beating.block() for _ in range(3)] == [b": "] * 3
        due.read_to_the_end()
        for reader, reason in zip(due.all, DUE.values()):
            assert reader.count(f'"code":"{reason}"') == 1
        wait_for_the_cut(live)
        live.post("/step")
        assert b"step 2" in patient.block()
        assert b"step 2" in behind_heartbeats(beating)


def never_reading(port):
    """A reader that reads nothing, until its ``send_timeout`` ends the stream."""
    connection = socket.create_connection(("127.0.0.1", port))
    path = f"/greedy?send_timeout={SOON}"
    connection.sendall(f"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
    return connection


def behind_heartbeats(reader):
    return next(block for block in iter(reader.block, b"") if not block.startswith(b":"))


def all_are_ahead(live, seconds):
    """Whether both clocks have jumped: the process's, and its hub's, a little later."""
    pause = threading.Event()
    for _ in range(HANG_GUARD * 10):
        clocks = live.get("/known")["clocks"]
        if all(abs(clock - time.time() - seconds) < HOUR / 2 for clock in clocks):
            return True
        pause.wait(0.1)
    return False


def wait_for_the_cut(live):
    pause = threading.Event()
    for _ in range(HANG_GUARD * 10):
        if live.get("/known")["finished"].get("disconnect"):
            return
        pause.wait(0.1)
    raise AssertionError("who never reads was not cut off")

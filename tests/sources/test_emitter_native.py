"""An emitter that threads of C's own send to, in a monkey-patched process."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from tests.support.servers import HANG_GUARD, ROOT


@pytest.mark.parametrize("overflow", ["block", "buffer", "missing"])
def test_threads_that_c_started_lose_nothing_keep_their_order_and_leave_nothing(overflow):
    command = [sys.executable, "-m", "tests.live_apps.native_senders", overflow]
    done = subprocess.run(
        command, cwd=ROOT, stdout=subprocess.PIPE, timeout=2 * HANG_GUARD, check=True
    )
    told = json.loads(done.stdout)
    assert told["counts"] == [500] * 8
    assert told["in_order"]
    assert told["after"] == told["before"]

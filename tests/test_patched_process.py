"""What holds for sources of other worlds holds in a monkey-patched process, in one of its own."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from tests.servers import HANG_GUARD, ROOT

FILES = ["test_async_source.py", "test_async_context.py", "test_reactive.py"]


@pytest.mark.parametrize("file", FILES)
def test_all_of_it_holds(file):
    pytest_there = [sys.executable, "-m", "gevent.monkey", "--module", "pytest"]
    process = subprocess.run(
        # Native threads, of which a patched process knows nothing, are tested elsewhere.
        [*pytest_there, "-q", "-p", "no:cacheprovider", "-k", "not beside", f"tests/{file}"],
        cwd=ROOT,
        env={**os.environ, "GEVENT_RESOLVER": "block"},  # without threads of gevent's own
        stdout=subprocess.PIPE,
        timeout=HANG_GUARD * 3,
        universal_newlines=True,
    )
    assert process.returncode == 0, process.stdout

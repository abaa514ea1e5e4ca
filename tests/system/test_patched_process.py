"""What holds for sources of other worlds holds in a monkey-patched process, in one of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from importlib.util import find_spec

import pytest

from tests.conftest import needs
from tests.support.servers import HANG_GUARD, ROOT


@pytest.mark.parametrize(
    "file, part",
    [
        ("sources/test_calls.py", "asyncio"),
        ("sources/test_asyncio_context.py", "asyncio"),
        ("sources/test_async_openai.py", "openai"),
        ("sources/test_asynchronous.py", "asyncio"),
        ("sources/test_observable.py", "reactivex"),
    ],
)
def test_all_of_it_holds(file, part):
    needs(part, find_spec(part))
    pytest_there = [sys.executable, "-m", "gevent.monkey", "--module", "pytest"]
    process = subprocess.run(
        # It has no threads but greenlets: what else a reader may run on is tested elsewhere.
        [*pytest_there, "-q", "-p", "no:cacheprovider", "-k", "greenlets", f"tests/{file}"],
        cwd=ROOT,
        env={**os.environ, "GEVENT_RESOLVER": "block"},  # without threads of gevent's own
        stdout=subprocess.PIPE,
        timeout=HANG_GUARD * 3,
        universal_newlines=True,
    )
    assert process.returncode == 0, process.stdout

"""The tests of asynchronous and RxPY sources, run in a monkey-patched process of their own."""

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
        # All its threads are greenlets. The other places for readers are tested elsewhere.
        [*pytest_there, "-q", "-p", "no:cacheprovider", "-k", "greenlets", f"tests/{file}"],
        cwd=ROOT,
        env={**os.environ, "GEVENT_RESOLVER": "block"},  # gevent then starts no threads
        stdout=subprocess.PIPE,
        timeout=HANG_GUARD * 3,
        universal_newlines=True,
    )
    assert process.returncode == 0, process.stdout

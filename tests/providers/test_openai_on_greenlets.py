"""The tests of ``OpenAICompatible`` pass on greenlets, too."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent
FILES = [
    "test_openai_compatible.py",
    "test_openai_failures.py",
    "test_openai_abort.py",
    "test_openai_names.py",
    "test_openai_retries.py",
    "killed_greenlets.py",
    "flooded_greenlets.py",
]


def test_in_a_process_that_is_monkey_patched():
    pytest_patched = [sys.executable, "-m", "gevent.monkey", "--module", "pytest"]
    options = ["-q", "-p", "no:cacheprovider", *(str(HERE / file) for file in FILES)]
    run = subprocess.run(
        pytest_patched + options,
        cwd=HERE.parent.parent,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        universal_newlines=True,
    )
    assert run.returncode == 0, run.stdout

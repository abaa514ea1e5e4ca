"""The tests of docs/testing.md pass, as they stand, against the application of the page."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests.docs.pages import blocks_of
from tests.support.programs import ROOT

PAGE = "testing.md"
PATCHED = """
from gevent import monkey; monkey.patch_all()
import sys, pytest; sys.exit(pytest.main(sys.argv[1:]))
"""


@pytest.mark.parametrize("start", [["-m", "pytest"], ["-c", PATCHED]], ids=["plain", "patched"])
def test_its_tests_pass(tmp_path, start):
    blocks = blocks_of(PAGE)
    tests = [block for block in blocks if not block.startswith("# app.py\n")]
    (application,) = set(blocks) - set(tests)
    (tmp_path / "app.py").write_text(application, encoding="utf-8")
    (tmp_path / "test_app.py").write_text("\n".join(tests), encoding="utf-8")
    command = [sys.executable, *start, "-W", "error", "-p", "no:cacheprovider", tmp_path]
    done = subprocess.run(
        [*map(str, command)],
        cwd=tmp_path,
        env={"PYTHONPATH": f"{ROOT}:{tmp_path}", "PATH": ""},
        stdout=subprocess.PIPE,
        universal_newlines=True,
    )
    assert done.returncode == 0, done.stdout
    assert f"{''.join(tests).count('def test_')} passed" in done.stdout

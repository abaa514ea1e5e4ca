"""The libraries that the page of the sample application brings are the published ones."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path

import pytest

VENDOR = Path(__file__).parents[2] / "sample_app" / "static" / "vendor"
SUMS = dict(
    reversed(line.split(maxsplit=1)) for line in (VENDOR / "SHA256SUMS").read_text().splitlines()
)


def test_every_file_has_its_sum():
    found = {path.relative_to(VENDOR).as_posix() for path in VENDOR.glob("*/*")}
    assert found == set(SUMS)


@pytest.mark.parametrize("name", sorted(SUMS))
def test_a_file_is_the_published_one(name):
    assert hashlib.sha256((VENDOR / name).read_bytes()).hexdigest() == SUMS[name]


def test_every_library_is_named_with_its_version_and_its_licence():
    table = (VENDOR / "README.md").read_text()
    for library in {name.partition("/")[0] for name in SUMS}:
        assert re.search(rf"^\| \[{library}\].* \| [0-9.]+ \| .* \| .+ \|$", table, re.M | re.I)
        assert f"{library}/LICENSE" in SUMS

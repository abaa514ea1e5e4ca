"""``make release``: what can be installed is built twice, checked, tried, and put into ``dist``.

Called with the folder of npm's tools. Each step happens in a temporary folder outside of the
checkout. ``dist`` is replaced when all have passed, and is not touched by a failure. Nothing is
uploaded.
"""

from __future__ import annotations

import argparse
import contextlib
import hashlib
import pathlib
import shutil
import sys
import tempfile
import time
from typing import Iterator

import distributions
import environments
import sbom
import source

ROOT = pathlib.Path(__file__).resolve().parents[2]


@contextlib.contextmanager
def step(name: str) -> Iterator[None]:
    begun = time.monotonic()
    yield
    print(f"{time.monotonic() - begun:6.1f} s  {name}", flush=True)


def sums(folder: pathlib.Path) -> str:
    """A line for each file, as ``sha256sum --check`` reads it."""
    files = sorted(folder.iterdir())
    return "".join(f"{hashlib.sha256(it.read_bytes()).hexdigest()}  {it.name}\n" for it in files)


def make(release: source.Release, npm: pathlib.Path, work: pathlib.Path) -> pathlib.Path:
    """The folder with the files of the release, all of which have passed."""
    with step("built twice, with equal bytes"):
        built = distributions.build_twice(release, npm, work)
    pythons = environments.supported_pythons(built)
    with step("checked by twine and check-wheel-contents"):
        distributions.check(built)
    with step("tests of the source distribution, in an environment of its own"):
        environments.test_source(built, work)
    for name, python in pythons.items():
        with step(f"the wheel, installed and tried on Python {name}"):
            environments.try_wheel(release, built, python, work / name)
    with step("bill of materials"):
        sbom.write(release, built, work / "sbom")
    (built / "SHA256SUMS").write_text(sums(built), encoding="utf-8")
    return built


def publish(built: pathlib.Path, dist: pathlib.Path) -> None:
    shutil.rmtree(dist, ignore_errors=True)
    shutil.copytree(built, dist)
    print("\ndist/")
    for path in sorted(dist.iterdir()):
        print(f"{path.stat().st_size:10,}  {path.name}")
    print("\n" + (dist / "SHA256SUMS").read_text(encoding="utf-8"), end="")


def main() -> None:
    parser = argparse.ArgumentParser(prog="make release", description=__doc__)
    parser.add_argument("npm", type=pathlib.Path, help="the folder of npm's tools")
    arguments = parser.parse_args()
    try:
        release = source.ready(ROOT)
        with tempfile.TemporaryDirectory(prefix="release-") as work:
            publish(make(release, arguments.npm.resolve(), pathlib.Path(work)), ROOT / "dist")
    except source.NotReady as error:
        sys.exit(f"make release: {error}")


if __name__ == "__main__":
    main()

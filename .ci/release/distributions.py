"""The source distribution, the wheel and npm's package: built, compared, checked."""

from __future__ import annotations

import pathlib
import sys

from commands import run
from source import NotReady, Release
from tarball import repack


def build_twice(release: Release, npm: pathlib.Path, work: pathlib.Path) -> pathlib.Path:
    """The folder of the first build.

    :raises NotReady: the second build, in another folder and time zone, has other bytes.
    """
    first = _build(release, npm, work / "first", "UTC")
    second = _build(release, npm, work / "another/second", "Asia/Kathmandu")
    names = sorted(path.name for path in first.iterdir())
    if names != sorted(path.name for path in second.iterdir()):
        raise NotReady("two builds have different files")
    differing = [it for it in names if (first / it).read_bytes() != (second / it).read_bytes()]
    if differing:
        raise NotReady(f"two builds have different bytes: {', '.join(differing)}")
    return first


def _build(release: Release, npm: pathlib.Path, folder: pathlib.Path, zone: str) -> pathlib.Path:
    checkout, built = folder / "source", folder / "built"
    release.export(checkout)
    variables = {"SOURCE_DATE_EPOCH": str(release.time), "TZ": zone}
    build = [sys.executable, "-m", "build", "--no-isolation", "--outdir", built, "."]
    for command in (build, ["node", ".ci/npm/build.mjs", npm, built]):
        run(*command, cwd=checkout, **variables)
    for archive in built.glob("*.tar.gz"):
        repack(archive, release.time)
    return built


def check(built: pathlib.Path) -> None:
    wheel, archive = find(built, "*.whl"), find(built, "*.tar.gz")
    run(sys.executable, "-m", "twine", "check", "--strict", wheel, archive)
    run(sys.executable, "-m", "check_wheel_contents", wheel)


def find(folder: pathlib.Path, pattern: str) -> pathlib.Path:
    """The one file of this pattern."""
    (path,) = folder.glob(pattern)
    return path

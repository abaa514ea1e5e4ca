"""The source of a release: what is committed, under the version that the changelog has."""

from __future__ import annotations

import dataclasses
import io
import pathlib
import re
import subprocess
import tarfile

_NEWEST = re.compile(r"^## \[Unreleased\]\n(.*?)^## \[(.+?)\] - \d{4}-\d\d-\d\d$", re.M | re.S)


class NotReady(Exception):
    """Something has to be done before there can be a release."""


@dataclasses.dataclass(frozen=True)
class Release:
    root: pathlib.Path
    version: str
    time: int
    """When it was committed, in seconds since 1970. All files of the release have this time."""

    def export(self, folder: pathlib.Path) -> None:
        """Write the files of the commit into a folder."""
        with tarfile.open(fileobj=io.BytesIO(_git(self.root, "archive", "HEAD"))) as archive:
            archive.extractall(folder, filter="tar")


def ready(root: pathlib.Path) -> Release:
    """The release of the last commit.

    :raises NotReady: something is not committed, or the changelog has no section for this version.
    """
    if _git(root, "status", "--porcelain"):
        raise NotReady("a release is made of what is committed, and `git status` shows changes")
    version = version_of((root / "flask_llmstream/__init__.py").read_text(encoding="utf-8"))
    check_changelog((root / "CHANGELOG.md").read_text(encoding="utf-8"), version)
    return Release(root, version, int(_git(root, "log", "-1", "--format=%ct")))


def version_of(package: str) -> str:
    (version,) = re.findall(r'^__version__ = "(.+)"$', package, re.MULTILINE)
    return str(version)


def check_changelog(changelog: str, version: str) -> None:
    newest = _NEWEST.search(changelog)
    if newest is None or newest.group(2) != version:
        raise NotReady(f"the newest section of CHANGELOG.md is not `## [{version}] - YYYY-MM-DD`")
    if newest.group(1).strip():
        raise NotReady("CHANGELOG.md has lines under [Unreleased]: they belong to a version")


def _git(root: pathlib.Path, *arguments: str) -> bytes:
    return subprocess.run(["git", *arguments], cwd=root, stdout=subprocess.PIPE, check=True).stdout

"""Fresh virtual environments: the source distribution's tests in one, the wheel in one each."""

from __future__ import annotations

import pathlib
import re
import shutil
import subprocess
import sys
import tarfile
import zipfile

from commands import run
from distributions import find
from source import NotReady, Release

SMOKE = pathlib.Path(__file__).with_name("smoke.py")
TESTS = ["tests/sse", "tests/formats", "tests/views", "tests/test_exports.py"]
"""Rooms of the suite that need no other program, from the ground floor to a view's response."""


def fresh(program: str, folder: pathlib.Path) -> pathlib.Path:
    """The Python of a new environment. Its pip is today's: that of 3.9 takes minutes to resolve."""
    run(program, "-m", "venv", folder)
    python = folder / "bin/python"
    run(python, "-m", "pip", "install", "--quiet", "--upgrade", "pip")
    return python


def test_source(built: pathlib.Path, work: pathlib.Path) -> None:
    with tarfile.open(find(built, "*.tar.gz")) as archive:
        archive.extractall(work / "unpacked", filter="data")
    folder = find(work / "unpacked", "*")
    python = fresh(sys.executable, work / "tests")
    run(python, "-m", "pip", "install", "--quiet", f"{folder}[test,fast]")
    run(python, "-m", "pytest", "-q", *TESTS, cwd=folder)


def supported_pythons(built: pathlib.Path) -> dict[str, str]:
    """The program of each version that the wheel's metadata names.

    A version that is not installed is left out with a line that says so.

    :raises NotReady: the oldest is not installed, or none beside it.
    """
    names = re.findall(r"^Classifier: .* :: Python :: (3\.\d+)$", metadata(built), re.MULTILINE)
    found = {name: path for name in names if (path := _program(f"python{name}"))}
    missing = [name for name in names if name not in found]
    if missing:
        print(f"          not tried, because not installed: Python {', '.join(missing)}")
    if names[0] in missing or len(found) < 2:
        raise NotReady(f"a release is tried on Python {names[0]} and a newer one at the least")
    return found


def _program(name: str) -> str | None:
    pyenv = pathlib.Path.home().glob(f".pyenv/versions/3.*/bin/{name}")
    found = [*map(str, pyenv), shutil.which(name)]
    return next((path for path in found if path and _runs(path)), None)


def _runs(program: str) -> bool:
    """Whether it is a Python: on the path pyenv has programs that only say how to choose one."""
    return subprocess.run([program, "-c", ""], stderr=subprocess.DEVNULL).returncode == 0


def metadata(built: pathlib.Path) -> str:
    with zipfile.ZipFile(find(built, "*.whl")) as wheel:
        (name,) = (name for name in wheel.namelist() if name.endswith(".dist-info/METADATA"))
        return wheel.read(name).decode()


def try_wheel(release: Release, built: pathlib.Path, program: str, folder: pathlib.Path) -> None:
    python = fresh(program, folder)
    install(release, built, python, "-m", "pip")
    run(python, "-I", "-W", "error", SMOKE, release.version, cwd=folder)


def install(release: Release, built: pathlib.Path, *pip: object) -> None:
    """Install the wheel, then what it requires.

    In two commands, so that our name is never asked for elsewhere, and the environment does not
    remember the path of the wheel.
    """
    name = f"flask-llmstream=={release.version}"
    run(*pip, "install", "--quiet", "--no-deps", "--no-index", "--find-links", built, name)
    run(*pip, "install", "--quiet", name)

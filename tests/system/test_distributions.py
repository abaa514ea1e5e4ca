"""The source distribution is the whole project, and the wheel is the package alone."""

from __future__ import annotations

import os
import pathlib
import re
import shutil
import subprocess
import sys
import tarfile
import zipfile
from importlib.metadata import PackageNotFoundError, version

import pytest

from tests.conftest import needs
from tests.support.programs import ROOT


def builds_wheels() -> bool:
    try:
        return tuple(map(int, version("setuptools").split(".")[:2])) >= (70, 1)
    except PackageNotFoundError:
        return False


needs("setuptools 70.1", builds_wheels())
if not (ROOT / ".git").exists():
    pytest.skip("without git nobody knows which files are the project's", allow_module_level=True)

BUILD = """
import sys
from setuptools import build_meta
_, folder = sys.argv  # which they change
build_meta.build_sdist(folder)
build_meta.build_wheel(folder)
build_meta.build_editable(folder + "/editable")
"""


def run(*command, **where):
    return subprocess.run(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        universal_newlines=True,
        check=True,
        **where,
    ).stdout


@pytest.fixture(scope="module")
def files():
    """The paths of the project's own files."""
    listed = run("git", "ls-files", "--cached", "--others", "--exclude-standard", cwd=ROOT)
    return {path for path in listed.splitlines() if (ROOT / path).exists()}


@pytest.fixture(scope="module")
def built(files, tmp_path_factory):
    """A folder with both distributions, and the output of their build."""
    source, built = tmp_path_factory.mktemp("source"), tmp_path_factory.mktemp("built")
    for path in files:
        (source / path).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / path, source / path)
    variables = {name: value for name, value in os.environ.items() if "BYTECODE" not in name}
    (built / "editable").mkdir()
    said = run(sys.executable, "-c", BUILD, built, cwd=source, env=variables)
    (built / "said").write_text(said)
    return built


def one(folder: pathlib.Path, pattern: str) -> pathlib.Path:
    (path,) = folder.glob(pattern)
    return path


@pytest.fixture(scope="module")
def wheel(built):
    """Each file of the wheel, with its content."""
    with zipfile.ZipFile(one(built, "*.whl")) as wheel:
        return {name: wheel.read(name) for name in wheel.namelist()}


@pytest.fixture(scope="module")
def metadata(wheel):
    (text,) = (text for name, text in wheel.items() if name.endswith("/METADATA"))
    return text.decode()


def test_building_them_warns_of_nothing(built):
    assert not re.search("warning|deprecat", (built / "said").read_text(), re.IGNORECASE)


def test_the_source_distribution_has_every_file_of_the_project(built, files):
    with tarfile.open(one(built, "*.tar.gz")) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    assert files <= names


def test_the_wheel_has_the_package_alone(wheel, files):
    package = {path for path in files if path.startswith("flask_llmstream/")}
    assert {name for name in wheel if ".dist-info/" not in name} == package
    assert {"flask_llmstream/py.typed", "flask_llmstream/static/llmstream.js"} <= package
    pages = [name for name in package if name.endswith((".html", ".css"))]
    assert pages == ["flask_llmstream/static/docs.html"]


def test_an_editable_install_is_a_path_that_type_checkers_can_follow(built):
    with zipfile.ZipFile(one(built / "editable", "*.whl")) as wheel:
        (path,) = (wheel.read(name) for name in wheel.namelist() if name.endswith(".pth"))
    assert (pathlib.Path(path.decode().strip()) / "flask_llmstream" / "py.typed").exists()


def test_the_wheel_has_the_licence(wheel):
    licence = (ROOT / "LICENSE").read_bytes()
    assert [text for name, text in wheel.items() if name.endswith("LICENSE")] == [licence]


def test_what_an_index_shows_needs_no_file_beside_it(metadata):
    assert "# flask_llmstream\n" in metadata
    addresses = re.findall(r"\]\(([^)]*)\)", metadata)
    assert [address for address in addresses if not address.startswith("https:")] == []


def test_what_an_index_shows_names_the_file_that_a_link_led_to(metadata):
    assert "[Formats](docs/formats.md)" in (ROOT / "README.md").read_text("utf-8")
    assert "Formats (docs/formats.md)" in metadata


def test_an_index_is_told_the_version_of_the_package(metadata):
    from flask_llmstream import __version__

    assert f"\nVersion: {__version__}\n" in metadata


def test_the_oldest_python_gets_no_interfaces_that_crash_it(metadata):
    wanted = re.search("Requires-Dist: zope.interface *(.*)", metadata).group(1)
    assert wanted.replace("'", '"') == '<7; python_version < "3.9"'

"""What ``make release`` stands on, and the two pages that nobody else reads."""

from __future__ import annotations

import configparser
import importlib.util
import io
import re
import sys
import tarfile

import pytest

from flask_llmstream import __version__
from tests.support.programs import ROOT

CHANGELOG = (ROOT / "CHANGELOG.md").read_text("utf-8")
PAGES = ["CONTRIBUTING.md", "SECURITY.md"]


def part(name):
    """A module of ``.ci/release``, which is no package."""
    path = ROOT / ".ci/release" / f"{name}.py"
    spec = importlib.util.spec_from_file_location(f"release_{name}", path)
    module = sys.modules[spec.name] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def archive(path, names, mode, **facts):
    """A ``.tar.gz`` with a folder, and with files that have their own names as content."""
    with tarfile.open(path, "w:gz") as new:
        for name in ["folder", *names]:
            member = tarfile.TarInfo(name)
            member.mode = mode
            member.type = tarfile.DIRTYPE if name == "folder" else tarfile.REGTYPE
            member.size = 0 if name == "folder" else len(name)
            for fact, value in facts.items():
                setattr(member, fact, value)
            new.addfile(member, io.BytesIO(name.encode()))
    return path


def test_archives_of_equal_files_get_equal_bytes(tmp_path):
    names = ["folder/a", "folder/b"]
    one = archive(tmp_path / "one.tar.gz", names, 0o600, mtime=1.5, uid=1, uname="one")
    other = archive(tmp_path / "other.tar.gz", names[::-1], 0o664, mtime=2e9, gid=2, gname="two")
    for path in (one, other):
        part("tarball").repack(path, 1_600_000_000)
    assert one.read_bytes() == other.read_bytes()
    with tarfile.open(one) as packed:
        assert [(it.name, it.mode, it.mtime) for it in packed] == [
            ("folder", 0o755, 1_600_000_000),
            ("folder/a", 0o644, 1_600_000_000),
            ("folder/b", 0o644, 1_600_000_000),
        ]
        assert packed.extractfile("folder/b").read() == b"folder/b"


def test_a_script_stays_one(tmp_path):
    path = archive(tmp_path / "it.tar.gz", ["script"], 0o700)
    part("tarball").repack(path, 0)
    with tarfile.open(path) as packed:
        assert packed.getmember("script").mode == 0o755


def test_the_newest_section_of_the_changelog_is_of_this_version():
    newest = re.search(r"^## \[(\d.*?)\] - ", CHANGELOG, re.MULTILINE).group(1)
    package = (ROOT / "flask_llmstream/__init__.py").read_text("utf-8")
    assert newest == part("source").version_of(package) == __version__


def test_a_release_has_its_section_and_nothing_above_it():
    changelog = "## [Unreleased]\n\n## [1.2.0] - 2026-11-29\n\n- A line.\n"
    part("source").check_changelog(changelog, "1.2.0")


@pytest.mark.parametrize(
    "changelog, fault",
    [
        ("## [Unreleased]\n\n- A line.\n\n## [1.2.0] - 2026-11-29\n", "lines under"),
        ("## [Unreleased]\n\n## [1.1.0] - 2026-11-29\n", r"is not `## \[1.2.0\]"),
        ("## [Unreleased]\n\n## [1.2.0]\n", r"is not `## \[1.2.0\] - YYYY-MM-DD`"),
        ("", "CHANGELOG.md is not"),
    ],
)
def test_a_release_is_refused_where_the_changelog_does_not_say_it(changelog, fault):
    source = part("source")
    with pytest.raises(source.NotReady, match=fault):
        source.check_changelog(changelog, "1.2.0")


def test_the_documentation_names_the_wheel_of_this_version():
    pages = [ROOT / "README.md", *(ROOT / "docs").rglob("*.md")]
    named = {
        version
        for page in pages
        for version in re.findall(r"flask_llmstream-(\d[\d.]*\d)", page.read_text("utf-8"))
    }
    assert named == {__version__}


def test_an_index_names_the_pythons_that_the_suite_runs_on():
    classified = re.findall(r"Python :: (3\.\d+)$", (ROOT / "setup.cfg").read_text(), re.MULTILINE)
    table = (ROOT / "docs/versions.md").read_text("utf-8")
    tested = re.findall(r"^\| py\S+ \| (3\.\d+)\.", table, re.MULTILINE)
    assert list(dict.fromkeys(tested)) == classified


def test_the_page_of_deployment_names_every_extra():
    settings = configparser.ConfigParser(interpolation=None)
    settings.read(ROOT / "setup.cfg", "utf-8")
    section = (ROOT / "docs/deployment.md").read_text("utf-8").partition("| extra |")[2]
    rows = re.findall(r"^\| `(\S+)` \|", section.partition("\n\n")[0], re.MULTILINE)
    line = re.search(r"The other extras \((.*)\) are for", section).group(1)
    assert {*rows, *re.findall("`(.*?)`", line)} == set(settings["options.extras_require"])


def heading(line):
    """The anchor of a heading, as GitHub makes it."""
    return re.sub(r"[^\w\- ]", "", line.lstrip("# ")).lower().replace(" ", "-")


@pytest.mark.parametrize("page", PAGES)
def test_a_link_leads_to_its_file_and_heading(page):
    links = re.findall(r"\]\(([^)#]+)(?:#([^)]*))?\)", (ROOT / page).read_text("utf-8"))
    assert links
    for path, anchor in links:
        text = (ROOT / path).read_text("utf-8")
        assert not anchor or anchor in {heading(it) for it in re.findall("^#.*", text, re.M)}


def test_the_targets_that_a_contributor_is_told_of_are_there():
    page = (ROOT / "CONTRIBUTING.md").read_text("utf-8")
    named = set(re.findall(r"(?:`|    )make ([a-z-]+)", page))
    targets = re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE)
    assert named and named <= set(targets)

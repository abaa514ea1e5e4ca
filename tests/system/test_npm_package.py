"""The browser client as an npm package: what it has, its size, its types, and bundled by vite."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import tarfile
import threading

import pytest

from flask_llmstream import __version__
from tests.conftest import needs
from tests.support.browsers import chromium
from tests.support.programs import ROOT
from tests.support.servers import HANG_GUARD, serving

TOOLS = ROOT / ".venv" / "npm"
PAGES = ROOT / "tests" / "npm"
PAGE = (ROOT / "docs" / "browser.md").read_text("utf-8")

needs("node", shutil.which("node"))
needs("npm", shutil.which("npm"))
needs("the npm packages of .ci/npm (make npm-package)", (TOOLS / "installed").exists())


def run(*command, **options):
    return subprocess.run(
        command, stdout=subprocess.PIPE, universal_newlines=True, check=True, **options
    ).stdout


def tool(name, *arguments, **options):
    return run(TOOLS / "node_modules" / ".bin" / name, *arguments, **options)


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """What ``make npm-package`` prints."""
    output = tmp_path_factory.mktemp("dist")
    return json.loads(run("node", ".ci/npm/build.mjs", TOOLS, output, cwd=ROOT))


@pytest.fixture(scope="module")
def project(built, tmp_path_factory):
    """A project that has installed the package, with the pages of ``tests/npm``."""
    project = tmp_path_factory.mktemp("project")
    for page in PAGES.iterdir():
        shutil.copy(page, project)
    (project / "useAnswer.jsx").write_text(shown("jsx", "export function useAnswer"))
    manifest = {"private": True, "type": "module"}
    (project / "package.json").write_text(json.dumps(manifest))
    run("npm", "install", "--offline", "--no-audit", "--no-fund", built["package"], cwd=project)
    for name in ("react", "react-dom", "scheduler"):
        (project / "node_modules" / name).symlink_to(TOOLS / "node_modules" / name)
    return project


def shown(language, beginning):
    """The block of docs/browser.md that has this line."""
    blocks = re.findall(rf"^```{language}\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
    (block,) = (block for block in blocks if beginning in block)
    return block


@pytest.fixture(scope="module")
def packed(built):
    with tarfile.open(built["package"]) as archive:
        return {
            member.name[len("package/") :]: archive.extractfile(member).read()
            for member in archive.getmembers()
        }


def test_it_has_the_module_its_types_and_what_an_index_shows(packed):
    assert set(packed) == {
        "LICENSE",
        "README.md",
        "llmstream.d.ts",
        "llmstream.js",
        "llmstream.min.js",
        "package.json",
    }
    source = (ROOT / "flask_llmstream" / "static" / "llmstream.js").read_bytes()
    assert packed["llmstream.js"] == source
    assert packed["LICENSE"] == (ROOT / "LICENSE").read_bytes()


def test_its_version_is_that_of_the_python_package(packed):
    manifest = json.loads(packed["package.json"])
    assert manifest["version"] == __version__
    assert (manifest["sideEffects"], manifest["type"]) == (False, "module")
    assert "devDependencies" not in manifest


def test_its_readme_leads_to_no_file_that_it_lacks(packed):
    links = re.findall(r"\]\(([^)]*)\)", packed["README.md"].decode())
    assert [link for link in links if not link.startswith(("https:", "#"))] == []


def test_the_documented_sizes_are_the_sizes(built):
    rows = re.findall(r"^\| `?(\w+)`?: .*\| ([\d,]+) \| ([\d,]+) \|$", PAGE, re.MULTILINE)
    told = {name: [int(number.replace(",", "")) for number in row] for name, *row in rows}
    assert told.keys() == built.keys() - {"package"}
    for name, (minified, zipped) in told.items():
        assert minified == built[name]["minified"]
        assert abs(zipped - built[name]["gzip"]) < 20  # zlib is not the same everywhere


def test_a_strict_type_checker_takes_good_uses_and_refuses_bad_ones(project):
    options = ["--strict", "--noEmit", "--module", "nodenext", "--types", ""]
    library = ["--target", "es2022", "--lib", "es2022,dom,dom.iterable,dom.asynciterable"]
    tool("tsc", *options, *library, "typed.ts", cwd=project)


@pytest.fixture(scope="module")
def site(project):
    """A server with the pages that vite has built, and with the minified file beside its page."""
    tool("vite", "build", "--logLevel", "error", cwd=project, env=development())
    pages = project / "dist"
    shutil.copy(PAGES / "minified.html", pages)
    shutil.copy(project / "node_modules" / "flask-llmstream" / "llmstream.min.js", pages)
    with serving(f"-m tests.live_apps.packaged {{port}} {pages}") as site:
        yield site


def development():
    return {**os.environ, "NODE_ENV": "development"}


@pytest.fixture(scope="module")
def browser():
    with chromium() as browser:
        yield browser


@pytest.mark.parametrize("page", ["plain", "minified"])
def test_a_page_shows_an_answer(browser, site, page):
    browser.open(f"http://127.0.0.1:{site.port}/pages/{page}.html")
    browser.shows("#answer", "Once upon a time.")


def told_when(site, condition):
    pause = threading.Event()
    for _ in range(HANG_GUARD * 50):
        told = site.get("/told")
        if condition(told):
            return told
        pause.wait(0.02)
    raise AssertionError(f"it never told so: {told}")


def test_the_hook_asks_once_in_strict_mode_and_leaves_nothing_running(browser, site):
    before = len(site.get("/told")["asked"])
    browser.open(f"http://127.0.0.1:{site.port}/pages/react.html")
    browser.shows("#tells p", "Once upon a time")
    browser.shows("#tells i", "complete")
    browser.click("#waits .ask")
    browser.shows("#waits p", "Once")
    browser.click("#waits .ask")  # in place of the first
    told = told_when(site, lambda told: told["asked"][before:] == ["tells", "waits", "waits"])
    told_when(site, lambda told: told["running"] == 1)
    browser.click("#waits .stop")
    browser.shows("#waits i", "stopped")
    told_when(site, lambda told: told["running"] == 0)
    browser.click("#waits .ask")
    browser.shows("#waits p", "Once")
    browser.click("#hide")
    told = told_when(site, lambda told: told["running"] == 0)
    assert told["asked"][before:] == ["tells", "waits", "waits", "waits"]

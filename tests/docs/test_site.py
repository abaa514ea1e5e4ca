"""The site has every page, and its reference every public name, each in one place."""

from __future__ import annotations

import importlib
import re
import textwrap
from collections import Counter
from typing import Any, Iterator, List

import pytest
from flask import Flask

import flask_llmstream
from flask_llmstream import errors, formats, testing
from tests.docs.pages import DOCS, got, run_page, text_of
from tests.support.programs import ROOT
from tests.test_exports import NAMES

API = sorted((DOCS / "api").glob("*.rst"))
ROOMS = [
    "errors",
    "gunicorn",
    "keywords",
    "protocols.base",
    "protocols.description",
    "providers.base",
    "replay.base",
]
"""The modules from which an application imports beside the root, ``formats`` and ``testing``."""
SCRIPT = (ROOT / "flask_llmstream/static/llmstream.js").read_text(encoding="utf-8")
SCRIPT_PAGE = text_of("api/javascript.rst")


def pages_in(toctree: str) -> List[str]:
    lines = [line.strip() for line in toctree.splitlines()]
    return [line for line in lines if line and not line.startswith(":")]


@pytest.mark.parametrize("folder, below", [(".", ["api/index", "zh/index"]), ("zh", [])])
def test_every_page_has_its_place_and_only_one(folder, below):
    contents = text_of(f"{folder}/index.md")
    listed = Counter(
        page
        for toctree in re.findall(r"```\{toctree\}\n(.*?)```", contents, re.DOTALL)
        for page in pages_in(toctree)
    )
    pages = {page.stem for page in (DOCS / folder).glob("*.md")} - {"index"}
    assert listed == Counter([*pages, *below])


def test_every_page_of_the_reference_has_its_place():
    _, _, toctree = text_of("api/index.rst").partition("toctree::")
    assert sorted([*pages_in(toctree), "index"]) == [page.stem for page in API]


def documented() -> Iterator[Any]:
    for page in API:
        text = page.read_text(encoding="utf-8")
        kinds = "class|exception|function|data"
        for name in re.findall(rf"^\.\. (?:auto)?(?:{kinds}):: (\S+)", text, re.MULTILINE):
            module, _, own_name = name.rpartition(".")
            yield own_name, getattr(importlib.import_module(module), own_name)


def public() -> Iterator[Any]:
    yield from ((name, getattr(flask_llmstream, name)) for name in NAMES)
    for room in (formats, testing):
        yield from ((name, getattr(room, name)) for name in room.__all__)
    for room in ROOMS:
        module = importlib.import_module(f"flask_llmstream.{room}")
        for name, value in vars(module).items():
            if not name.startswith("_") and is_made_in(module, name, value):
                yield name, value


def is_made_in(module: Any, name: str, value: Any) -> bool:
    if isinstance(value, type) or re.search(rf"^def {name}\(", source_of(module), re.MULTILINE):
        return getattr(value, "__module__", None) == module.__name__
    return bool(re.search(rf"^{name}(: [^=]+)? = ", source_of(module), re.MULTILINE))


def source_of(module: Any) -> str:
    with open(module.__file__, encoding="utf-8") as file:
        return file.read()


@pytest.mark.parametrize("name, value", {name: (name, value) for name, value in public()}.values())
def test_a_public_name_is_in_the_reference_once(name, value):
    places = [found for known, found in documented() if known == name and found is value]
    assert len(places) == 1


def test_the_table_of_codes_has_every_error_that_a_reader_gets():
    rows = re.findall(r"^``(\w+)`` +``(\w+)`` +(\d+)$", text_of("api/errors.rst"), re.MULTILINE)
    kinds = [each for each in vars(errors).values() if isinstance(each, type)]
    told = [kind for kind in kinds if issubclass(kind, errors.StreamError)]
    assert sorted(rows) == sorted((kind.__name__, kind.code, str(kind.status)) for kind in told)


@pytest.mark.parametrize("page", API, ids=lambda page: page.stem)
def test_the_python_of_a_page_of_the_reference_runs(page):
    names = {"app": Flask(__name__), "ask": None, "__name__": page.stem}
    blocks = re.findall(r"code-block:: python\n\n((?:   .*\n|\n)+)", page.read_text("utf-8"))
    for block in blocks:
        exec(textwrap.dedent(block), names)


def test_the_python_of_the_first_page_runs():
    app = run_page("index.md")["app"]
    assert got(app, "/words").count('"ended":false') == 4
    assert [rule.rule for rule in app.url_map.iter_rules() if rule.rule == "/v1/models"]


def exports() -> List[str]:
    return re.findall(r"^export (?:async )?(?:class|function)\*? (\w+)", SCRIPT, re.MULTILINE)


@pytest.mark.parametrize("name", exports())
def test_an_export_of_the_browser_client_is_in_the_reference(name):
    assert re.search(rf"^\.\. js:(class|function):: {name}\b", SCRIPT_PAGE, re.MULTILINE)


@pytest.mark.parametrize("name", exports())
def test_the_public_methods_of_an_export_are_in_the_reference(name):
    found = re.search(rf"^export class {name}.*?^\}}", SCRIPT, re.DOTALL | re.MULTILINE)
    code = found[0] if found else ""
    methods = re.findall(r"^  (?:static )?([a-z]\w+)\(.*\{$", code, re.MULTILINE)
    for method in {*methods} - {"constructor"}:
        assert re.search(rf"js:method:: {method}\(", SCRIPT_PAGE), method


def test_the_options_of_an_answer_are_in_the_reference():
    typedefs = r"@typedef \{object\} (?:StreamHandlers|Resuming)\n(.*?)\*/"
    kinds = re.findall(typedefs, SCRIPT, re.DOTALL)
    options = [name for kind in kinds for name in re.findall(r"@property \{.*\} \[(\w+)\]", kind)]
    assert "onText" in options and "stall" in options
    assert [name for name in options if f"``{name}" not in SCRIPT_PAGE] == []

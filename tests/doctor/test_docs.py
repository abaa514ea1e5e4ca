"""The doctor prints what ``docs/doctor.md`` shows."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys

import pytest

from tests.support.servers import ROOT

DOCS = (ROOT / "docs" / "doctor.md").read_text(encoding="utf-8")
DAYS = re.findall(r"^## A (?:bad|good) day\n.*?(?=^## )", DOCS, re.DOTALL | re.MULTILINE)


def without_versions(printed):
    return re.sub(r"\d+\.\d+\.\d+", "0.0.0", printed)


def doctor(folder, *arguments):
    """Call the command in a folder, as a shell does."""
    variables = {**os.environ, "FLASK_APP": "shop:app", "PYTHONPATH": f"{folder}:{ROOT}"}
    command = [sys.executable, "-W", "ignore", "-m", "flask", "llmstream", "doctor", *arguments]
    return subprocess.run(
        command, cwd=folder, env=variables, stdout=subprocess.PIPE, universal_newlines=True
    ).stdout


@pytest.fixture(params=DAYS, ids=["bad", "good"])
def day(request, tmp_path, monkeypatch):
    """The folder with the files of a day, and the output that the docs show."""
    monkeypatch.delenv("GUNICORN_CMD_ARGS", raising=False)
    for name, text in re.findall(r"```python\n# (\S+)\n(.*?)```", request.param, re.DOTALL):
        (tmp_path / name).write_text(text, encoding="utf-8")
    return tmp_path, re.search(r"```text\n(.*?)```", request.param, re.DOTALL).group(1)


def test_what_it_prints(day):
    folder, shown = day
    _, _, printed = doctor(folder).partition("\n\n")
    assert without_versions(printed) == without_versions(shown)


def test_the_fields_of_its_json(day):
    document = json.loads(doctor(day[0], "--json"))
    findings = document.pop("findings")
    mends = [finding["mend"] for finding in findings if finding["mend"]]
    for told in (document, *findings, *mends):
        assert all(f"`{field}`" in DOCS for field in told)


def test_every_check_is_explained():
    table = re.search(r"\| check \| finds \|\n(.*?)\n\n", DOCS, re.DOTALL).group(1)
    sources = (ROOT / "flask_llmstream" / "doctor" / "checks").glob("*.py")
    text = "".join(source.read_text(encoding="utf-8") for source in sources)
    names = set(re.findall(r'Finding\(\s*"([a-z0-9-]+)"', text))
    assert set(re.findall(r"^\| `(.*?)`", table, re.MULTILINE)) == names

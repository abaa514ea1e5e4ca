"""The bill of materials: the wheel, and each package that an install of it brings today."""

from __future__ import annotations

import json
import pathlib
import sys
from email.parser import Parser

from commands import run
from environments import install, metadata
from source import Release


def write(release: Release, built: pathlib.Path, work: pathlib.Path) -> None:
    """CycloneDX, as JSON. An environment without pip has the wheel and its requirements alone."""
    run(sys.executable, "-m", "venv", "--without-pip", work)
    install(release, built, sys.executable, "-m", "pip", "--python", work / "bin/python")
    described = work / "described.toml"
    described.write_text(_described(metadata(built)), encoding="utf-8")
    output = built / f"flask_llmstream-{release.version}.cdx.json"
    options = ["--output-reproducible", "--mc-type", "library", "--pyproject", described]
    run(sys.executable, "-m", "cyclonedx_py", "environment", *options, "-o", output, work)


def _described(text: str) -> str:
    """The wheel's metadata, in the form that the tool reads. JSON's texts and lists are TOML's."""
    fields = Parser().parsestr(text)
    requirements = fields.get_all("Requires-Dist", [])
    project = {
        "name": fields["Name"],
        "version": fields["Version"],
        "description": fields["Summary"],
        "dependencies": [it for it in requirements if "extra ==" not in it],
    }
    return "[project]\n" + "".join(f"{name} = {json.dumps(it)}\n" for name, it in project.items())

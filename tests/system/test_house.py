"""docs/house.md has every room of the package on its floor, and names only what exists."""

from __future__ import annotations

import configparser
import re

from tests.support.programs import ROOT

PACKAGE = ROOT / "flask_llmstream"
DOCUMENT = (ROOT / "docs" / "house.md").read_text("utf-8")
FILES = re.compile(r"`((?:\w+/)+(?:\w+\.py)?|\w+\.py)`( \(to come\))?")
"""A path below the package, and whether it is yet to come."""

NAMES = re.compile(r"`(_?[A-Z]\w+)`")
"""A class or a constant."""


def rooms_of_the_contract():
    """Each room, with its floor counted from below."""
    settings = configparser.ConfigParser(interpolation=None)
    settings.read(ROOT / "setup.cfg", "utf-8")
    floors = settings["importlinter:contract:house"]["layers"].split("\n")[1:]
    rooms = (re.split(r"[\s|:]+", floor.strip()) for floor in reversed(floors))
    return {room: floor for floor, names in enumerate(rooms, 1) for room in names}


def rooms_of_the_document():
    rows = re.findall(r"^\| (\d+) \| `(\w+)` \|", DOCUMENT, re.MULTILINE)
    return {room: int(floor) for floor, room in rows}


def rooms_of_the_package():
    directories = {path.parent.name for path in PACKAGE.glob("*/__init__.py")}
    return directories | {path.stem for path in PACKAGE.glob("*.py")} - {"__init__"}


def test_every_room_is_listed_on_its_floor():
    assert rooms_of_the_document() == rooms_of_the_contract()
    assert rooms_of_the_document().keys() == rooms_of_the_package()


def test_the_files_it_names_exist_and_those_to_come_do_not():
    named = FILES.findall(DOCUMENT)
    assert len(named) > 40
    missing = {path for path, _ in named if not (PACKAGE / path).exists()}
    assert missing == {path for path, to_come in named if to_come}


def test_the_classes_and_constants_it_names_exist():
    sources = [path.read_text("utf-8") for path in PACKAGE.rglob("*.py")]
    words = {word for source in sources for word in re.findall(r"\w+", source)}
    assert set(NAMES.findall(DOCUMENT)) - words == set()

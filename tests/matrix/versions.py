"""``python -m tests.matrix.versions``: prints the table of versions that the suite has run on.

It reads the reports of tox's environments. ``make test-matrix`` runs all of them, and puts the
table into ``docs/versions.md``. An environment without a report, because its Python is not
installed, keeps the line that it has there.
"""

from __future__ import annotations

import argparse
import configparser
import sys
import xml.etree.ElementTree as ElementTree
from pathlib import Path
from typing import Dict, List, Optional

from tests.matrix.tables import put_into, rows_in, table

ROOT = Path(__file__).resolve().parents[2]
DOCUMENT = ROOT / "docs" / "versions.md"
VERSIONS = ["Python", "Flask", "Werkzeug", "gevent", "Flask-Login", "Flask-SQLAlchemy"]
COUNTS = ["passed", "skipped", "failed"]
COLUMNS = ["environment", *VERSIONS, *COUNTS]

Row = Dict[str, str]


def environments() -> List[str]:
    """The environments of tox that run the suite, in its order."""
    config = configparser.ConfigParser()
    config.read(ROOT / "setup.cfg")
    return [name for name in config["tox:tox"]["env_list"].split() if name != "types"]


def row_of(environment: str, earlier: Dict[str, Row]) -> Row:
    """The row of an environment, by its report. Without a report it is the earlier one, or says
    that the environment has not run."""
    report = ROOT / ".tox" / environment / "tests.xml"
    if not report.exists():
        print(f"{environment} has not run: its line stays as it is", file=sys.stderr)
        return earlier.get(environment, {"environment": environment, "Python": "not run"})
    suite = ElementTree.parse(report).getroot()[0]
    properties = {one.attrib["name"]: one.attrib["value"] for one in suite.iter("property")}
    return {"environment": environment, **properties, **counts(suite.attrib)}


def counts(suite: Dict[str, str]) -> Row:
    total, skipped = int(suite["tests"]), int(suite["skipped"])
    failed = int(suite["failures"]) + int(suite["errors"])
    passed = total - skipped - failed
    return {"passed": str(passed), "skipped": str(skipped), "failed": str(failed)}


def main(arguments: Optional[List[str]] = None) -> int:
    """Print the table; 1 where a test has failed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--write", action="store_true", help=f"put it into {DOCUMENT.name} too")
    options = parser.parse_args(arguments)
    earlier = {cells[0]: dict(zip(COLUMNS, cells)) for cells in rows_in(DOCUMENT)}
    rows = [row_of(environment, earlier) for environment in environments()]
    text = table(COLUMNS, ([row.get(column, "") for column in COLUMNS] for row in rows))
    print(text, end="")
    if options.write:
        put_into(DOCUMENT, text)
    return int(any(row.get("failed", "0") != "0" for row in rows))


if __name__ == "__main__":
    sys.exit(main())

"""``python -m tests.clients.matrix``: the table of ``docs/clients.md``.

It shows what each client gives its user. It runs all clients, or those that are named on the
command line.
"""

from __future__ import annotations

import argparse
import json
import sys
from typing import Any, Iterable, Mapping

from tests.clients.clients import CLIENTS, Client, asked_app, told_by
from tests.clients.judge import fault
from tests.clients.rows import COLUMNS, rows_of
from tests.matrix.tables import put_into, table
from tests.support.servers import ROOT

DOCUMENT = ROOT / "docs" / "clients.md"


def main() -> int:
    """Print the table; 1 where a client did not give what it could."""
    options = parsed_arguments()
    chosen = [one for one in CLIENTS if one.name in (options.names or [one.name])]
    with asked_app() as addresses:
        told = [(client, told_by(client, addresses)) for client in chosen]
    faults = sum(printed(client, lines) for client, lines in told)
    text = table(["client", *COLUMNS], (row for one in told for row in rows_of(*one)))
    print(text, end="")
    if options.write:
        put_into(DOCUMENT, text)
    return int(faults > 0)


def printed(client: Client, lines: Iterable[Mapping[str, Any]]) -> int:
    """Print what each cell told, and count those that are wrong."""
    faults = 0
    for line in lines:
        wrong, lack = fault(line), client.lack(line)
        unexpected = bool(wrong) != bool(lack)
        faults += unexpected
        mark = "FAULT" if unexpected else "lacks" if lack else "right"
        about = f"{client.title} {line['row']} {line['model']} {line['cell']}"
        print(f"{mark} {about}: {shown(line)}", lack or wrong or "", file=sys.stderr, flush=True)
    return faults


def shown(line: Mapping[str, Any]) -> str:
    return json.dumps(line.get("value", line.get("failed")), ensure_ascii=True)


def parsed_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.clients.matrix", description=__doc__)
    parser.add_argument("--write", action="store_true", help=f"put it into {DOCUMENT.name} too")
    parser.add_argument("names", nargs="*", metavar="client", help="such as 'AI SDK'")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())

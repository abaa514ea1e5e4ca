"""``python -m tests.readers``: all readers on all answers, as a table.

It reads with all readers, or with those whose names have one of the words on the command line.
It fails where the table of ``docs/readers.md`` says otherwise.
"""

from __future__ import annotations

import argparse
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from typing import Callable, Dict, Iterator, List, Union

from tests.matrix.tables import changes, put_into, table
from tests.readers.answers import TEXTS
from tests.readers.cells import Asked, Outcome, asked, run_page, run_program
from tests.readers.readers import BY_HAND, IN_PAGES, PACKAGED, PageReader, Reader
from tests.support.browsers import BROWSERS
from tests.support.servers import ROOT, LiveServer, serving

DOCUMENT = ROOT / "docs" / "readers.md"
COMMAND = "-m tests.readers.server {port}"
AT_ONCE = 4
SITUATIONS = ["silent", "cut", "cut_early", "fails", "busy"]
HEAD = [
    "reader",
    "text, with silence",
    "after the end",
    "after a cut",
    "cut before the first word",
    "after a failure",
    "a 429",
    "empty events",
]
NEVER = {("cut_early", "ndjson")}
"""Lines have no heartbeats, so nothing comes before the first word that could be cut."""
BY_CHANCE = ["event-source-polyfill", "each read is an event", "sseclient"]
"""Chance decides in these rows: whether a cut overtakes the opening, and how bytes are cut."""
AnyReader = Union[Reader, PageReader]
Outcomes = Dict[str, Dict[str, Outcome]]


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.readers", description=__doc__)
    parser.add_argument("names", nargs="*")
    parser.add_argument("--write", action="store_true", help=f"put it into {DOCUMENT.name} too")
    options = parser.parse_args()
    words = options.names or [""]
    chosen = [one for one in [*IN_PAGES, *PACKAGED, *BY_HAND] if any(w in one.name for w in words)]
    with serving(COMMAND) as server, ThreadPoolExecutor(AT_ONCE) as beside:
        rows = list(beside.map(partial(row, server), chosen))
    text = table(HEAD, rows)
    print(text, end="")
    changed = changes(DOCUMENT, text, BY_CHANCE)
    if options.write:
        put_into(DOCUMENT, text)
    return int(bool(changed))


def row(server: LiveServer, reader: AnyReader) -> List[str]:
    """One row. Its outcomes are printed on the terminal as they come."""
    seen: Outcomes = {}
    with reading(server, reader) as read:
        for situation in SITUATIONS:
            seen[situation] = {}
            for format in reader.formats:
                if (situation, format) in NEVER:
                    continue
                one = read(asked(reader.method, format, situation), format)
                seen[situation][format] = one
                print(reader.name, situation, format, one, sep=": ", file=sys.stderr, flush=True)
    return [reader.name, *cells(seen)]


@contextmanager
def reading(server: LiveServer, reader: AnyReader) -> Iterator[Callable[[Asked, str], Outcome]]:
    """A function that reads one answer in one format."""
    if isinstance(reader, PageReader):
        with BROWSERS[reader.browser]() as browser:
            yield lambda one, format: run_page(server, browser, one, format, reader.kind)
    else:
        yield lambda one, format: run_program(server, one, format, reader.command)


def cells(seen: Outcomes) -> List[str]:
    """The columns of one reader."""
    return [
        same(seen["silent"], lambda one: equal(one, "silent")),
        *(same(seen[name], returns) for name in ("silent", "cut", "cut_early", "fails")),
        same(seen["busy"], refusal),
        same(seen["silent"], lambda one: str(one.empty)),
    ]


def same(outcomes: Dict[str, Outcome], shown) -> str:
    """What is shown of each format, said once where it is the same in all."""
    by_words: Dict[str, List[str]] = {}
    for format, one in outcomes.items():
        by_words.setdefault(shown(one), []).append(format)
    if len(by_words) == 1:
        return next(iter(by_words))
    return "; ".join(f"{', '.join(formats)}: {words}" for words, formats in by_words.items())


def equal(one: Outcome, situation: str) -> str:
    if one.text is None:
        return "**can't parse it**"
    return "equal" if one.text.startswith(TEXTS[situation]) else "**differs**"


def returns(one: Outcome) -> str:
    """How the reader comes back."""
    after = one.statuses[1:]
    if 200 in after:
        return "**asks again**"
    if not after:
        return "stays away"
    return f"{after[0]}{often(after)}"


def refusal(one: Outcome) -> str:
    told = "says 429" if "429" in one.told else "says no status" if one.told else "says nothing"
    after = one.statuses[1:]
    return f"{told}, comes back{often(after)}" if after else told


def often(after: List[int]) -> str:
    """No number: a reader is watched until it has come back often enough, and a while longer."""
    return " again and again" if len(after) > 2 else ""


if __name__ == "__main__":
    sys.exit(main())

"""Makes tables in Markdown, and puts them into a document."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import Callable, Collection, Iterable, Iterator, List, TypeVar

T = TypeVar("T")
BETWEEN = re.compile(r"(?<=<!-- matrix -->\n).*(?=<!-- end of the matrix -->)", re.DOTALL)


def table(head: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    """A table in Markdown; each line has its line break."""
    return "".join(f"| {' | '.join(cells)} |\n" for cells in _lines(list(head), rows))


def _lines(head: "list[str]", rows: Iterable[Iterable[str]]) -> Iterator[Iterable[str]]:
    yield head
    yield ["---"] * len(head)
    yield from rows


def cell(measure: Callable[[T], str], bench: T) -> str:
    """The measurement on the bench, or how it failed."""
    try:
        return measure(bench)
    except Exception as error:
        return f"failed: {error!r}"


def changes(document: Path, text: str, by_chance: Collection[str]) -> List[str]:
    """The rows of a table that its document does not have. They are printed on the terminal.

    :param by_chance: the names of rows in which chance decides. They are left out.
    """
    known = set(document.read_text(encoding="utf-8").splitlines())
    changed = [line for line in text.splitlines() if line not in known]
    changed = [line for line in changed if line.split(" | ")[0][2:] not in by_chance]
    for line in changed:
        print("changed:", line, file=sys.stderr)
    return changed


def rows_in(document: Path) -> List[List[str]]:
    """The cells of the table between the document's two marks, without its head."""
    found = BETWEEN.search(document.read_text(encoding="utf-8"))
    lines = found[0].splitlines() if found else []
    return [line[2:-2].split(" | ") for line in lines[2:]]


def put_into(document: Path, text: str) -> None:
    """Replace the text between the document's two marks."""
    before = document.read_text(encoding="utf-8")
    document.write_text(BETWEEN.sub(lambda _: text, before), encoding="utf-8")

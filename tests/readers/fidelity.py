"""``python -m tests.readers.fidelity``: which hard texts each reader gives as they were sent.

They come through nginx, and cut into TCP segments within each character. It reads with all readers,
or with those whose names have one of the words on the command line. It fails where the table of
``docs/fidelity.md`` says otherwise.
"""

from __future__ import annotations

import argparse
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from time import monotonic
from typing import Any, Callable, Dict, Iterator, List, Optional, Tuple

from tests.matrix.tables import changes, put_into, table
from tests.readers.__main__ import AT_ONCE, AnyReader, reading
from tests.readers.cells import Asked, Outcome, asked
from tests.readers.readers import BY_HAND, IN_PAGES, OURS, PACKAGED
from tests.streams.cases import TEXTS, apart, segments
from tests.streams.writing import PLACES, WRITINGS
from tests.support.nginx import HTTP, behind_nginx
from tests.support.segments import Segments, wait_until_taken
from tests.support.servers import ROOT, LiveServer, serving

DOCUMENT = ROOT / "docs" / "fidelity.md"
COMMAND = "-m tests.readers.server {port}"
HEAD = ["reader", "answers of this package", "the same texts, as others may write them"]
READERS = [*OURS, *IN_PAGES, *PACKAGED, *BY_HAND]
FEW = 10
"""So many texts are no longer named one by one."""
MANY = 16
"""If so many are missing, the reader can't read this writing, and none is asked for alone."""
BY_CHANCE = ["sseclient"]
"""It takes the lengths of HTTP's chunks for text. Where they fall is chance: no row to compare."""
CUT = "breaks characters that are cut"
Read = Callable[[Asked, str], Outcome]


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.readers.fidelity", description=__doc__)
    parser.add_argument("names", nargs="*")
    parser.add_argument("--write", action="store_true", help=f"put it into {DOCUMENT.name} too")
    options = parser.parse_args()
    words = options.names or [""]
    chosen = [one for one in READERS if any(word in one.name for word in words)]
    with served() as (live, nginx), ThreadPoolExecutor(AT_ONCE) as beside:
        rows = list(beside.map(partial(row, live, nginx), chosen))
    text = table(HEAD, rows)
    print(text, end="")
    changed = changes(DOCUMENT, text, BY_CHANCE)
    if options.write:
        put_into(DOCUMENT, text)
    return int(bool(changed))


@contextmanager
def served() -> Iterator[Tuple[LiveServer, LiveServer]]:
    """The server with the answers, and nginx before it."""
    with serving(COMMAND) as live, behind_nginx(live, HTTP) as nginx:
        yield live, nginx


class CutServer:
    """The server as a reader reaches it: through a relay that cuts.

    :ivar port: the relay's.
    """

    def __init__(self, live: LiveServer, relay: Segments) -> None:
        self._live, self._relay = live, relay
        self.port = relay.port

    def get(self, path: str) -> Any:
        """What the server tells. It is not quiet while a segment is on its way."""
        told = self._live.get(path)
        told["quiet"] = min(told["quiet"], monotonic() - self._relay.sent_at)
        return told


def row(live: LiveServer, nginx: LiveServer, reader: AnyReader) -> List[str]:
    """One row. Its cells are printed on the terminal as they come."""
    with Segments(nginx.port, cut, wait_until_taken) as relay:
        cells = cells_of(CutServer(live, relay), reader)
    print(reader.name, *cells, sep=": ", file=sys.stderr, flush=True)
    return [reader.name, *cells]


def cells_of(server: CutServer, reader: AnyReader) -> List[str]:
    with reading(server, reader) as read:
        return [
            grouped({name: answer(reader, read, name) for name in reader.formats}),
            grouped({name: published(reader, read, name) for name in writings(reader)}),
        ]


def cut(block: bytes) -> Iterator[bytes]:
    """The segments of a block: cut within each character, between line ends, and behind colons."""
    return segments(block, (place.start() for place in PLACES.finditer(block)))


def writings(reader: AnyReader) -> List[str]:
    """The published streams that it can read: clients of chat completions want a form of theirs."""
    if "text" not in reader.formats:
        return []
    return [name for name in WRITINGS if not (reader.reads_text and name.startswith("json"))]


def answer(reader: AnyReader, read: Read, format: str) -> str:
    right = {name: case.streams["lf"] if format == "text" else case for name, case in TEXTS.items()}

    def text_of(name: str) -> Optional[str]:
        return read(asked(reader.method, format, name), format).text

    return judged({name: one.text for name, one in right.items()}, text_of)


def published(reader: AnyReader, read: Read, writing: str) -> str:
    format = "json" if writing.startswith("json") else "text"

    def text_of(name: str) -> Optional[str]:
        one = asked(reader.method, format, name)
        path = f"/{one.name}/v1/streams/{name}/{writing}"
        return read(one._replace(path=path), format).text

    return judged({name: case.streams[writing].text for name, case in TEXTS.items()}, text_of)


def judged(right: Dict[str, str], text_of: Callable[[str], Optional[str]]) -> str:
    """What differs, in all texts as one answer. A text that is missing there is asked for alone."""
    whole = text_of("all")
    if whole is None:
        return "**can't parse it**"
    got = apart(first_answer(as_utf8(whole)))
    if len(got) < 2:
        return "**can't tell the texts apart**"
    missing = right.keys() - got.keys()
    if len(missing) < MANY:
        got.update({name: as_utf8(text_of(name) or "") for name in missing})
    faults: Dict[str, List[str]] = {}
    for name, text in right.items():
        if got.get(name) != text:
            faults.setdefault(fault(text, got.get(name, "")), []).append(f"`{name}`")
    return "; ".join(f"**{words}**{named(words, names)}" for words, names in faults.items())


def first_answer(text: str) -> str:
    """What was read of all texts, once: a reader that comes back may have read them again."""
    start, mark, rest = text.partition("[[")
    second = rest.find(mark + rest.partition("]]")[0] + "]]", 1) if mark else -1
    first = text if second < 0 else text[: len(start + mark) + second]
    return first[: -len(start)] if start and mark and first.endswith(start) else first


def named(words: str, names: List[str]) -> str:
    """The texts of a fault. Any character may be cut, so that fault names none."""
    if words == CUT:
        return ""
    return f": {', '.join(names) if len(names) < FEW else f'{len(names)} texts'}"


def fault(right: str, got: str) -> str:
    """In a word or two, how a text differs."""
    if got.count("\ufffd") > right.count("\ufffd"):
        return CUT
    if not got:
        return "lost"
    if got.split() == right.split() or "".join(got.split()) == "".join(right.split()):
        return "white space"
    return "cut short" if right.startswith(got) else "other text"


def as_utf8(text: str) -> str:
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def grouped(cells: Dict[str, str]) -> str:
    """The cells of each format, said once where it is the same in all."""
    by_words: Dict[str, List[str]] = {}
    for format, words in cells.items():
        by_words.setdefault(words or "equal", []).append(format)
    if not by_words:
        return ""
    if len(by_words) == 1:
        return next(iter(by_words))
    return "<br>".join(f"{', '.join(names)}: {words}" for words, names in by_words.items())


if __name__ == "__main__":
    sys.exit(main())

"""``python -m tests.streams.writing``: writes what follows from the rules and the tokens.

A new case is a file in ``texts/`` with ``rule`` and ``tokens``, and one in ``parser/`` is a
``.sse`` with its ``.json``. The rest of a text's file and ``manifest.json`` are made here.
"""

from __future__ import annotations

import json
import re
from functools import partial
from pathlib import Path
from typing import Any, Callable, Dict, Iterator, List, Tuple

HERE = Path(__file__).parent
SPECIFICATION = "https://html.spec.whatwg.org/multipage/server-sent-events.html"
LINE_END = re.compile("\r\n|\r|\n")
PLACES = re.compile(rb"(?<=\r)(?=\n)|(?<=\n)(?=\n)|(?<=\r)(?=\r)|(?<=:)|(?=[\x80-\xbf])")
"""Within a CRLF, a blank line, or a character; behind a colon."""


def read_token(token: Any) -> str:
    """A token as its file has it: a text, or UTF-16 units where it ends within a pair."""
    return token if isinstance(token, str) else "".join(map(chr, token))


def whole_texts(tokens: List[str]) -> List[str]:
    """The tokens as UTF-8 can hold them: a first half waits for the next token."""
    texts, waiting = [], ""
    for token in tokens:
        token, waiting = waiting + token, ""
        if "\ud800" <= token[-1:] <= "\udbff":
            token, waiting = token[:-1], token[-1]
        if token or not waiting:
            texts.append(_whole(token))
    return [*texts, "\ufffd"] if waiting else texts


def _whole(text: str) -> str:
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")


def bare(texts: List[str], end: str = "\n") -> str:
    """Each text as the data of an event."""
    return "".join(f"data: {line}{end}" for line in _lines(texts, end))


def _lines(texts: List[str], end: str) -> Iterator[str]:
    for text in texts:
        *lines, last = LINE_END.split(text)
        yield from lines
        yield last + end


def tight(texts: List[str]) -> str:
    """No space behind the colon, where the data does not begin with one."""
    return re.sub("^data: (?! )", "data:", bare(texts), flags=re.MULTILINE)


def commented(texts: List[str]) -> str:
    """What a reader ignores, before and between all lines."""
    ignored = ": comment\n:\nunknown: data\ndata-x: y\nid: 1\nretry: 3000\n"
    written = re.sub("^(?=data: )", ignored, bare(texts), flags=re.MULTILINE)
    return "\ufeff: opening\n\n" + written.replace("\n\n", "\n\n: heartbeat\n\n\n")


def as_json(texts: List[str], ensure_ascii: bool) -> List[str]:
    return [json.dumps({"text": text}, ensure_ascii=ensure_ascii) for text in texts]


Written = Tuple[str, List[str], bool]
"""The stream, the data of its events, and whether they are bare text."""


def written_bare(write: Callable[[List[str]], str], tokens: List[str]) -> Written:
    texts = whole_texts(tokens)
    return write(texts), [LINE_END.sub("\n", text) for text in texts], True


def written_json(tokens: List[str]) -> Written:
    data = as_json(whole_texts(tokens), ensure_ascii=False)
    return bare(data), data, False


def written_json_ascii(tokens: List[str]) -> Written:
    data = as_json(tokens, ensure_ascii=True)
    return bare(data), data, False


WRITINGS: Dict[str, Tuple[str, Callable[[List[str]], Written]]] = {
    "lf": ("Lines end with LF.", partial(written_bare, bare)),
    "crlf": ("Lines end with CRLF.", partial(written_bare, partial(bare, end="\r\n"))),
    "cr": ("Lines end with CR.", partial(written_bare, partial(bare, end="\r"))),
    "tight": ("No space behind the colon.", partial(written_bare, tight)),
    "comments": (
        "A byte order mark, comments, unknown fields, IDs and times between the lines.",
        partial(written_bare, commented),
    ),
    "json": ('Each token as {"text": ...}, without escapes.', written_json),
    "json_ascii": (
        'Each token as {"text": ...}, with escapes; so halves of a character come as two tokens.',
        written_json_ascii,
    ),
}


def completed(case: Dict[str, Any]) -> Dict[str, Any]:
    """A case with all that follows from its tokens."""
    tokens = [read_token(token) for token in case["tokens"]]
    text = _whole("".join(tokens))
    streams = {name: _stream(write(tokens), text) for name, (_, write) in WRITINGS.items()}
    return {"rule": case["rule"], "tokens": case["tokens"], "text": text, "streams": streams}


def _stream(written: Written, text: str) -> Dict[str, Any]:
    stream, data, is_bare = written
    cuts = [found.start() for found in PLACES.finditer(stream.encode())]
    text = "".join(data) if is_bare else text
    return {"stream": stream, "cuts": cuts, "data": data, "text": text}


def manifest() -> Dict[str, Any]:
    return {
        "licence": "MIT",
        "specification": SPECIFICATION,
        "writings": {name: sentence for name, (sentence, _) in WRITINGS.items()},
        "texts": _rules("texts"),
        "parser": _rules("parser"),
    }


def _rules(folder: str) -> Dict[str, str]:
    paths = sorted((HERE / folder).glob("*.json"))
    return {path.stem: json.loads(path.read_text("utf-8"))["rule"] for path in paths}


def files() -> Iterator[Tuple[Path, str]]:
    """Each file that is made, and its content."""
    for path in sorted((HERE / "texts").glob("*.json")):
        yield path, _shown(completed(json.loads(path.read_text("utf-8"))))
    yield HERE / "manifest.json", _shown(manifest())


def _shown(value: Any) -> str:
    """JSON in ASCII; the numbers of a list in one line."""
    numbers = re.compile(r"\[\s+(\d[\d,\s]*?)\s+\]")
    shown = json.dumps(value, indent=2)
    return numbers.sub(lambda found: f"[{' '.join(found[1].split())}]", shown) + "\n"


if __name__ == "__main__":
    for path, content in files():
        path.write_text(content, encoding="utf-8")

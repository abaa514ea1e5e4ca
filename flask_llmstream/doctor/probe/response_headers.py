"""Judges an answer's headers: what did proxies and caches on the way change?"""

from __future__ import annotations

from typing import Iterator

from ..finding import ERROR, OK, WARNING, Finding, Fix
from .site import Answer


def check_headers(answer: Answer) -> Iterator[Finding]:
    """The findings about the headers and the protocol of an answer."""
    found = [*_content(answer), *_caches(answer)]
    if answer.is_http_1_0:
        why = "Its readers can't tell the end of an answer from a cut, nor keep the connection."
        found.append(Finding("protocol", WARNING, "the answer came as HTTP/1.0", why))
    if not found:
        how = answer.header("Transfer-Encoding") or "until the connection ends"
        seen = f"HTTP/1.1 ({how}), an event stream, neither compressed nor cached"
        found.append(Finding("headers", OK, seen))
    yield from found


def _content(answer: Answer) -> Iterator[Finding]:
    if not answer.header("Content-Type"):
        why = "An EventSource refuses a stream that is not text/event-stream."
        yield Finding("headers", ERROR, "Content-Type was lost on the way", why)
    encoding = answer.header("Content-Encoding")
    if encoding not in ("", "identity"):
        seen = f"the stream was compressed on the way (Content-Encoding: {encoding})"
        why = "What compresses waits until it has enough; streams say identity, and it was ignored."
        yield Finding("compression", WARNING, seen, why, _uncompressed(answer))
    if answer.header("Content-Length"):
        seen = f"the stream has a Content-Length of {answer.header('Content-Length')}"
        yield Finding("headers", ERROR, seen, "Somebody waited for its end to count its bytes.")


def _uncompressed(answer: Answer) -> Fix:
    if answer.header("Server").startswith("nginx"):
        return Fix("gzip off;", "nginx's location of the application")
    return Fix("no compression of text/event-stream", "the proxy")


def _caches(answer: Answer) -> Iterator[Finding]:
    if answer.headers.get("Age"):
        seen = f"a cache has kept the answer (Age: {answer.headers['Age']})"
        why = "The next reader gets this reader's answer."
        yield Finding("cache", ERROR, seen, why)
    elif not _is_kept_from_caches(answer.header("Cache-Control")):
        seen = "Cache-Control: no-store was lost on the way"
        yield Finding("cache", WARNING, seen, "A cache may keep answers, and give them to others.")


def _is_kept_from_caches(said: str) -> bool:
    """Does it forbid shared caches? An application may have its own ``Cache-Control``."""
    return "no-store" in said or "private" in said

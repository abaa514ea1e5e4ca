"""What an event stream is sent with, and what tells one by the headers an app has made.

Ground floor: standard library only, no I/O.
"""

from __future__ import annotations

from typing import List, Optional, Tuple
from wsgiref.util import is_hop_by_hop

HEADERS = {
    "Cache-Control": "no-cache, no-transform",
    "X-Accel-Buffering": "no",
    "X-Content-Type-Options": "nosniff",
    # Flask-Compress and nginx's gzip obey this one, and ignore no-transform.
    "Content-Encoding": "identity",
}

Headers = List[Tuple[str, str]]

_REPLACED = {name.lower() for name in HEADERS}


def header(headers: Headers, name: str) -> Optional[str]:
    """All values of a header, joined; ``None`` where it is not there."""
    values = [value for known, value in headers if known.lower() == name]
    return ", ".join(values) if values else None


def is_event_stream(status: str, headers: Headers) -> bool:
    """Is it a live event stream: with a body, of a length that nobody knows yet?"""
    media_type = (header(headers, "content-type") or "").partition(";")[0].strip().lower()
    has_body = status.startswith("2") and not status.startswith(("204", "205"))
    return (
        media_type == "text/event-stream" and has_body and header(headers, "content-length") is None
    )


def is_encoded(headers: Headers) -> bool:
    """Is its body compressed, so that nothing can be read or added?"""
    encoding = header(headers, "content-encoding")
    return encoding is not None and encoding.strip().lower() not in ("", "identity")


def event_stream_headers(headers: Headers) -> Headers:
    """An app's headers with those of an event stream.

    What an app says of caching stays where it is stricter. Hop-by-hop headers go: WSGI forbids
    them to apps, and yet ``Connection: keep-alive`` is often seen with an event stream.
    """
    kept = [
        (name, value)
        for name, value in headers
        if name.lower() not in _REPLACED and not is_hop_by_hop(name)
    ]
    caching = _caching(header(headers, "cache-control"))
    return kept + list({**HEADERS, "Cache-Control": caching}.items())


def _caching(said: Optional[str]) -> str:
    wanted = HEADERS["Cache-Control"].split(", ")
    said = said or ""
    directives = [directive.strip() for directive in said.split(",") if directive.strip()]
    known = {directive.lower() for directive in directives}
    if "no-store" in known:
        wanted.remove("no-cache")
    return ", ".join(directives + [directive for directive in wanted if directive not in known])

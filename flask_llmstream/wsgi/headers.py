"""What an event stream is sent with, and what tells one by the headers an app has made.

Ground floor: standard library only, no I/O.
"""

from __future__ import annotations

from typing import Optional
from wsgiref.util import is_hop_by_hop

from .types import Headers

HEADERS = {
    # An answer is one person's: neither a shared cache nor a browser's disk keeps it.
    "Cache-Control": "no-store, no-transform",
    "X-Accel-Buffering": "no",
    "X-Content-Type-Options": "nosniff",
    # Flask-Compress and nginx's gzip obey this one, and ignore no-transform.
    "Content-Encoding": "identity",
}

_REPLACED = {name.lower() for name in HEADERS}

OF_THE_SUCCESS = frozenset(
    {
        # what is in the body, and which part of it
        "content-type", "content-length", "content-encoding", "content-language",
        "content-location", "content-disposition", "content-range", "accept-ranges", "etag",
        "last-modified", "content-md5", "digest", "content-digest", "repr-digest", "link",
        # where to go next, and when
        "location", "refresh", "retry-after", "preference-applied",
        # how long it may be kept, and how it is passed on
        "cache-control", "expires", "pragma", "age", "cdn-cache-control", "surrogate-control",
        "surrogate-key", "cache-tag", "trailer", "x-sendfile",
    }
)  # fmt: skip
"""What an answer that failed before its first byte does not take over: each of them speaks of the
body that never came. The rest is the request's own matter and stays: ``Set-Cookie``, ``Vary``,
those of CORS, of security, of rate limits, request IDs, and what nobody knows."""

_REPEATED = ("set-cookie", "vary")
"""What may come from both, each with its own."""


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

    What an app says of who may keep it stands. Hop-by-hop headers go: WSGI forbids them to apps,
    and yet ``Connection: keep-alive`` is often seen with an event stream.
    """
    kept = [
        (name, value)
        for name, value in headers
        if name.lower() not in _REPLACED and not is_hop_by_hop(name)
    ]
    caching = _caching(header(headers, "cache-control"))
    return kept + list({**HEADERS, "Cache-Control": caching}.items())


def taken_over(headers: Headers, answers_own: Headers) -> Headers:
    """Of a stream's headers, those that the answer in its place has as well.

    What that one says itself goes before; a name comes twice only where each value counts.
    """
    own = {name.lower() for name, _ in answers_own}.difference(_REPEATED)
    return [
        (name, value)
        for name, value in headers
        if name.lower() not in own
        and not _is_of_the_success(name.lower())
        and (name, value) not in answers_own
    ]


def _is_of_the_success(name: str) -> bool:
    # nginx's own would cache a failure, or send a file in its place
    return name in OF_THE_SUCCESS or name.startswith("x-accel-")


def _caching(said: Optional[str]) -> str:
    directives = [each.strip() for each in (said or "").split(",")]
    kept = [each for each in directives if each.lower() not in ("", "no-transform")]
    return ", ".join([*(kept or ["no-store"]), "no-transform"])

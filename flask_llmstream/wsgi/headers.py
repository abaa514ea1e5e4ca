"""The headers of an event stream, and how an event stream is recognised by its headers.

Standard library only, no I/O.
"""

from __future__ import annotations

from typing import Iterable, Optional
from wsgiref.util import is_hop_by_hop

from .types import Headers

HEADERS = {
    # An answer is for one person: neither a shared cache nor a browser's disk may keep it.
    "Cache-Control": "no-store, no-transform",
    "X-Accel-Buffering": "no",
    "X-Content-Type-Options": "nosniff",
    # Flask-Compress and nginx's gzip obey this header, and ignore no-transform.
    "Content-Encoding": "identity",
}

_REPLACED = {name.lower() for name in HEADERS}

SUCCESS_ONLY = frozenset(
    {
        # the content of the body, and which part of it was sent
        "content-type", "content-length", "content-encoding", "content-language",
        "content-location", "content-disposition", "content-range", "accept-ranges", "etag",
        "last-modified", "content-md5", "digest", "content-digest", "repr-digest", "link",
        # the address to go to next, and the time
        "location", "refresh", "retry-after", "preference-applied",
        # how long a cache may keep it, and how a server passes it on
        "cache-control", "expires", "pragma", "age", "cdn-cache-control", "surrogate-control",
        "surrogate-key", "cache-tag", "trailer", "x-sendfile",
    }
)  # fmt: skip
"""The headers that the response to a failure does not inherit from its stream: each of them
describes the body that was never sent. All others belong to the request, and are inherited:
``Set-Cookie``, ``Vary``, the headers of CORS, of security and of rate limits, request IDs, and
every unknown header."""

_MERGED = ("set-cookie", "vary")
"""The headers that are sent with the values of both, the stream and the response to its failure."""


def header(headers: Headers, name: str) -> Optional[str]:
    """All values of a header, joined; ``None`` if there is none.

    :param name: in lower case.
    """
    values = [value for known, value in headers if known.lower() == name]
    return ", ".join(values) if values else None


def is_event_stream(status: str, headers: Headers) -> bool:
    """Whether a response is a live event stream: with a body, and without a known length."""
    media_type = (header(headers, "content-type") or "").partition(";")[0].strip().lower()
    has_body = status.startswith("2") and not status.startswith(("204", "205"))
    return (
        media_type == "text/event-stream" and has_body and header(headers, "content-length") is None
    )


def is_encoded(headers: Headers) -> bool:
    """Whether the body is compressed, so that nothing can be read in it or added to it."""
    encoding = header(headers, "content-encoding")
    return encoding is not None and encoding.strip().lower() not in ("", "identity")


def event_stream_headers(headers: Headers) -> Headers:
    """An app's headers, with those of an event stream.

    The app's own ``Cache-Control`` is kept. Hop-by-hop headers are removed: WSGI forbids them to
    apps, but ``Connection: keep-alive`` is often sent with an event stream.
    """
    kept = [
        (name, value)
        for name, value in headers
        if name.lower() not in _REPLACED and not is_hop_by_hop(name)
    ]
    caching = _caching(header(headers, "cache-control"))
    return kept + list({**HEADERS, "Cache-Control": caching}.items())


def inherited_headers(
    headers: Headers, own_headers: Headers, of_body: Iterable[str] = ()
) -> Headers:
    """The headers of a stream that the response to its failure inherits.

    :param own_headers: the headers of that response. A header that is among them is not inherited,
        except for those that are sent with the values of both.
    :param of_body: the names of more headers that describe the body that was never sent.
    """
    own = {name.lower() for name, _ in own_headers}.difference(_MERGED)
    own.update(name.lower() for name in of_body)
    return [
        (name, value)
        for name, value in headers
        if name.lower() not in own
        and not _is_success_only(name.lower())
        and (name, value) not in own_headers
    ]


def _is_success_only(name: str) -> bool:
    # nginx's own (X-Accel-…) would make it cache the failure, or send a file in its place
    return name in SUCCESS_ONLY or name.startswith("x-accel-")


def _caching(cache_control: Optional[str]) -> str:
    directives = [each.strip() for each in (cache_control or "").split(",")]
    kept = [each for each in directives if each.lower() not in ("", "no-transform")]
    return ", ".join([*(kept or ["no-store"]), "no-transform"])

"""Checks of views, middleware and hooks that change or collect answers."""

from __future__ import annotations

from typing import Iterator

from ..facts import Facts
from ..finding import ERROR, WARNING, Finding, Fix

_COLLECTS = ("werkzeug.middleware.profiler.", "werkzeug.contrib.profiler.")
"""Middleware that was seen to read a whole answer before it sends any of it."""


def collecting(facts: Facts) -> Iterator[Finding]:
    """Finds middleware that reads an answer to its end, other than to compress it."""
    for name in facts.layers:
        if name.startswith(_COLLECTS):
            seen = f"{name} reads each answer to its end before it sends any of it"
            why = (
                "Tokens come all at once then, and no reader who leaves is noticed: leave it out "
                "where streams are served."
            )
            yield Finding("collecting", ERROR, seen, why)


def body_readers(facts: Facts) -> Iterator[Finding]:
    """Finds hooks that read the body of each response: for an ETag, a log, a signature."""
    for name in facts.body_readers:
        seen = f"{name} reads the bodies of responses (add_etag() does, and get_data())"
        why = "A stream that comes there has none yet, and is answered with a status of 500."
        line = "if response.direct_passthrough:\n    return response"
        yield Finding("body-reader", WARNING, seen, why, Fix(line, f"{name}, first of all"))


def caching(facts: Facts) -> Iterator[Finding]:
    """Finds views that stream and that Flask-Caching wraps."""
    for endpoint, whole in facts.cached:
        seen = f"the view {endpoint!r} streams, and Flask-Caching is to keep what it gives"
        why = "A stream can't be kept: each request of it logs an error."
        if whole:
            why = "It reads the generator to its end first, so that all comes at once, as a page."
        fix = Fix("@cache.memoize()", f"what {endpoint!r} calls, rather than round it")
        yield Finding("caching", ERROR if whole else WARNING, seen, why, fix)


def misplaced(facts: Facts) -> Iterator[Finding]:
    """Finds views whose ``@streams.view()`` stands above their route, where it has no effect."""
    for rule, name in facts.misplaced:
        seen = f"@streams.view() stands above the decorator that gives Flask {name} for {rule}"
        why = "Flask calls it without: it streams no events."
        fix = Fix("@streams.view()", f"the line above def {name.rpartition('.')[2]}")
        yield Finding("misplaced-view", ERROR, seen, why, fix)

"""Do the application's own functions let streams through?"""

from __future__ import annotations

from typing import Iterator

from ..facts import Facts
from ..finding import ERROR, WARNING, Finding, Fix

_COLLECTS = ("werkzeug.middleware.profiler.", "werkzeug.contrib.profiler.")
"""These were seen to read a whole answer before they send any of it."""


def collecting(facts: Facts) -> Iterator[Finding]:
    """Middleware that reads whole answers, for other reasons than to compress them."""
    for name in facts.layers:
        if name.startswith(_COLLECTS):
            seen = f"{name} reads each answer to its end before it sends any of it"
            why = (
                "Tokens come all at once then, and no reader who leaves is noticed: leave it out "
                "where streams are served."
            )
            yield Finding("collecting", ERROR, seen, why)


def body_readers(facts: Facts) -> Iterator[Finding]:
    """Functions for each response that want its body: for an ETag, a log, a signature."""
    for name in facts.body_readers:
        seen = f"{name} reads the bodies of responses (add_etag() does, and get_data())"
        why = "A stream that comes there has none yet, and is answered with a status of 500."
        line = "if response.direct_passthrough:\n    return response"
        yield Finding("body-reader", WARNING, seen, why, Fix(line, f"{name}, first of all"))


def caching(facts: Facts) -> Iterator[Finding]:
    """Flask-Caching round a view that streams."""
    for endpoint, whole in facts.cached:
        seen = f"the view {endpoint!r} streams, and Flask-Caching is to keep what it gives"
        why = "A stream can't be kept: each request of it logs an error."
        if whole:
            why = "It reads the generator to its end first, so that all comes at once, as a page."
        mend = Fix("@cache.memoize()", f"what {endpoint!r} calls, rather than round it")
        yield Finding("caching", ERROR if whole else WARNING, seen, why, mend)


def misplaced(facts: Facts) -> Iterator[Finding]:
    """Views that Flask has from below ``@streams.view()``."""
    for rule, name in facts.misplaced:
        seen = f"@streams.view() stands above the decorator that gives Flask {name} for {rule}"
        why = "Flask calls it without: it streams no events."
        mend = Fix("@streams.view()", f"the line above def {name.rpartition('.')[2]}")
        yield Finding("misplaced-view", ERROR, seen, why, mend)

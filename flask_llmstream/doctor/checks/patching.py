"""Was everything patched, and in time?"""

from __future__ import annotations

from typing import Dict, Iterator, List, Sequence, Tuple

from ..facts import Facts
from ..finding import ERROR, OK, WARNING, Finding, Fix
from ..unpatched import LeakedOriginal

PATCH = "from gevent import monkey; monkey.patch_all()"
_SHOWN = 4


def late_patching(facts: Facts) -> Iterator[Finding]:
    """What was imported before the patching, and still blocks."""
    if facts.is_patched and facts.kept:
        yield _late_in_the_app(facts)
    elif facts.is_patched:
        yield Finding("late-patching", OK, "this process was patched before its other imports")
    if facts.gunicorn is not None and facts.gunicorn.kept:
        yield Finding(
            "late-patching",
            ERROR,
            "gunicorn's configuration imports what its worker patches only later: "
            f"{some(facts.gunicorn.kept)}",
            consequence(facts.gunicorn.kept),
            Fix(PATCH, f"the first line of {facts.gunicorn.file}"),
        )


def _late_in_the_app(facts: Facts) -> Finding:
    in_time = facts.gunicorn is not None and facts.gunicorn.kind == "gevent"
    seen = f"imported before the patching, so they still block: {some(facts.kept)}"
    if in_time:
        seen += "; gunicorn's gevent worker patches earlier, but `flask` does not"
    return Finding(
        "late-patching",
        WARNING if in_time else ERROR,
        seen,
        consequence(facts.kept),
        Fix(PATCH, f"the first line of {facts.app_file}, before all other imports"),
    )


def partial_patching(facts: Facts) -> Iterator[Finding]:
    """What a ``patch_all()`` with exceptions left out."""
    if facts.patched and facts.unpatched:
        yield Finding(
            "partial-patching",
            WARNING,
            f"some modules are patched, and not {', '.join(facts.unpatched)}",
            "What waits in an unpatched module stops all streams of its process meanwhile.",
            Fix(PATCH, f"{facts.app_file}, without exceptions"),
        )


def consequence(kept: Sequence[LeakedOriginal]) -> str:
    """What will go wrong where originals are kept."""
    waits = "While one of them waits, all streams of its process stand still"
    if any(one.what == "ssl.SSLContext" for one in kept):
        return f"{waits}; HTTPS calls end in a RecursionError."
    return f"{waits}."


def some(kept: Sequence[LeakedOriginal]) -> str:
    """The first of them by name, the modules of one library by its; and how many more there are."""
    modules: Dict[Tuple[str, str], List[LeakedOriginal]] = {}
    for one in kept:
        modules.setdefault((one.holder.partition(".")[0], one.what), []).append(one)
    names = [
        str(LeakedOriginal(package, what) if len(ones) > 1 else ones[0])
        for (package, what), ones in modules.items()
    ]
    shown = ", ".join(names[:_SHOWN])
    return shown if len(names) <= _SHOWN else f"{shown} and {len(names) - _SHOWN} more"

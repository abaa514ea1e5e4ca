"""Checks of the monkey-patching: was it early enough, and complete?"""

from __future__ import annotations

from typing import Dict, Iterator, List, Sequence, Tuple

from ..facts import Facts
from ..finding import ERROR, OK, WARNING, Finding, Fix
from ..unpatched import LeakedOriginal

PATCH = "from gevent import monkey; monkey.patch_all()"
_SHOWN = 4


def late_patching(facts: Facts) -> Iterator[Finding]:
    """Finds originals that were imported before the patching and still block."""
    if facts.is_patched and facts.leaked:
        yield _late_in_the_app(facts)
    elif facts.is_patched:
        yield Finding("late-patching", OK, "this process was patched before its other imports")
    if facts.gunicorn is not None and facts.gunicorn.leaked:
        yield Finding(
            "late-patching",
            ERROR,
            "gunicorn's configuration imports what its worker patches only later: "
            f"{listed(facts.gunicorn.leaked)}",
            consequence(facts.gunicorn.leaked),
            Fix(PATCH, f"the first line of {facts.gunicorn.file}"),
        )


def _late_in_the_app(facts: Facts) -> Finding:
    in_time = facts.gunicorn is not None and facts.gunicorn.kind == "gevent"
    seen = f"imported before the patching, so they still block: {listed(facts.leaked)}"
    if in_time:
        seen += "; gunicorn's gevent worker patches earlier, but `flask` does not"
    return Finding(
        "late-patching",
        WARNING if in_time else ERROR,
        seen,
        consequence(facts.leaked),
        Fix(PATCH, f"the first line of {facts.app_file}, before all other imports"),
    )


def partial_patching(facts: Facts) -> Iterator[Finding]:
    """Finds modules that ``patch_all()`` was told to leave out."""
    if facts.patched and facts.unpatched:
        yield Finding(
            "partial-patching",
            WARNING,
            f"some modules are patched, and not {', '.join(facts.unpatched)}",
            "What waits in an unpatched module stops all streams of its process meanwhile.",
            Fix(PATCH, f"{facts.app_file}, without exceptions"),
        )


def consequence(leaked: Sequence[LeakedOriginal]) -> str:
    """What goes wrong while modules hold these originals."""
    waits = "While one of them waits, all streams of its process stand still"
    if any(one.original == "ssl.SSLContext" for one in leaked):
        return f"{waits}; HTTPS calls end in a RecursionError."
    return f"{waits}."


def listed(leaked: Sequence[LeakedOriginal]) -> str:
    """The first originals and their holders, and the number of the others. Several modules of one
    library count as one, by the library's name."""
    modules: Dict[Tuple[str, str], List[LeakedOriginal]] = {}
    for one in leaked:
        modules.setdefault((one.holder.partition(".")[0], one.original), []).append(one)
    names = [
        str(LeakedOriginal(package, original) if len(ones) > 1 else ones[0])
        for (package, original), ones in modules.items()
    ]
    shown = ", ".join(names[:_SHOWN])
    return shown if len(names) <= _SHOWN else f"{shown} and {len(names) - _SHOWN} more"

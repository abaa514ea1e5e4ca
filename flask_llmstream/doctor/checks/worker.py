"""The check of the worker: do producers run on greenlets or threads, and how many at a time?"""

from __future__ import annotations

from typing import Iterator

from ..facts import Facts
from ..finding import ERROR, OK, WARNING, Finding, Fix
from ..gunicorn import Gunicorn
from .patching import PATCH


def worker(facts: Facts) -> Iterator[Finding]:
    """Tells which worker is used, and why."""
    if facts.serving is not None:
        yield from _seen_while_serving(facts)
        return
    gunicorn = facts.gunicorn
    if gunicorn is None or not gunicorn.installed:
        yield _placed(facts, facts.is_patched, _why_here(facts))
    elif not gunicorn.refusal and not gunicorn.trouble:
        yield from _under_gunicorn(facts, gunicorn)


def _seen_while_serving(facts: Facts) -> Iterator[Finding]:
    assert facts.serving is not None
    if facts.serving.several:
        kind = "a greenlet" if facts.serving.greenlet else "a thread"
        because = f"{facts.serving.software} runs each request on {kind}"
        yield _placed(facts, facts.serving.greenlet, because)
    else:
        seen = f"{facts.serving.software} serves one request of a process at a time"
        yield Finding("worker", ERROR, seen, _ONE_AT_A_TIME, _GEVENT)


_GEVENT = Fix("gunicorn --worker-class gevent", "the line that starts the server")
_ONE_AT_A_TIME = (
    "While one reader's stream is open, everybody else who comes to its process waits for the "
    "stream's end."
)


def _under_gunicorn(facts: Facts, gunicorn: Gunicorn) -> Iterator[Finding]:
    named = f"gunicorn's {gunicorn.worker_class} worker"
    if gunicorn.kind == "gevent":
        yield _placed(facts, True, f"{named} patches before it loads the application")
    elif gunicorn.kind == "sync":
        seen = f"{named}: {_count(gunicorn.workers, 'process', 'es')}, one stream at a time in each"
        yield Finding("worker", ERROR, seen, _ONE_AT_A_TIME, _gevent(gunicorn))
    elif gunicorn.kind == "other":
        seen = f"gunicorn's worker class {gunicorn.worker_class} is none that the doctor knows"
        why = "So nothing can be said about it from here; measure it."
        measure = Fix("flask llmstream doctor --url https://…", "the shell")
        yield Finding("worker", WARNING, seen, why, measure)
    elif gunicorn.patches or (facts.is_patched and gunicorn.preload_app):
        yield _placed(facts, True, f"{named} is made after the patching")
    elif facts.is_patched:
        seen = f"{named} is running when {facts.app_file} patches"
        why = "It then waits where greenlets can't run: answers come seconds late, or never."
        yield Finding("worker", ERROR, seen, why, _gevent(gunicorn))
    else:
        threads = f"{named} has {_count(gunicorn.threads, 'thread', 's')} in a process"
        yield _placed(facts, False, threads)


def _gevent(gunicorn: Gunicorn) -> Fix:
    return gunicorn.fix("worker_class", "gevent")


def _count(number: int, one: str, plural: str) -> str:
    return f"{number} {one}{'' if number == 1 else plural}"


def _why_here(facts: Facts) -> str:
    if facts.is_patched:
        return "this process is monkey-patched"
    return "nothing is monkey-patched in this process"


def _placed(facts: Facts, greenlets: bool, because: str) -> Finding:
    """The finding for producers on greenlets or on threads, with the worker that was configured."""
    asked = facts.options.worker
    if asked == "greenlet" and not greenlets:
        return Finding(
            "worker",
            ERROR,
            f"LLMSTREAM_WORKER asks for greenlets, and {because}",
            "Every stream is answered with a status of 500.",
            _patch(facts),
        )
    if greenlets and asked != "thread":
        return Finding("worker", OK, f"streams run on greenlets: {because}")
    if asked == "thread":
        return Finding("worker", OK, f"streams run on threads, as LLMSTREAM_WORKER asks; {because}")
    return Finding(
        "worker",
        WARNING,
        f"streams run on threads: {because}",
        "Each open stream takes a thread, and a generator whose reader left goes on until its "
        "next yield.",
        _patch(facts),
    )


def _patch(facts: Facts) -> Fix:
    gunicorn = facts.gunicorn
    if gunicorn is not None and gunicorn.installed:
        return _gevent(gunicorn)
    if facts.serving is not None and not facts.serving.software.startswith("Werkzeug"):
        return _GEVENT  # patched by the app, a thread server that runs already would hang
    where = f"the first line of {facts.app_file}, for flask run (gunicorn has its gevent worker)"
    return Fix(PATCH, where)

"""Checks of gunicorn's configuration. If it can't be read, ``starts`` says so, and no other."""

from __future__ import annotations

from typing import Callable, Iterable, Iterator

from ...stream.drain import FAREWELL_SECONDS
from ..facts import Facts
from ..finding import ERROR, OK, WARNING, Finding, Fix
from ..gunicorn import Gunicorn
from .patching import PATCH, consequence, listed

_INSTALL = Fix('pip install "gunicorn[gevent]"', "the shell")


def starts(facts: Facts) -> Iterator[Finding]:
    """Does gunicorn accept its configuration, and can it load its worker?"""
    gunicorn = facts.gunicorn
    if gunicorn is None:
        seen = 'nothing here tells how it is started; --gunicorn "its arguments" does'
        yield Finding("gunicorn", OK, seen)
    elif not gunicorn.installed:
        seen = "gunicorn is not installed here, so its configuration was not read"
        why = "What it says about workers and time limits may cut streams."
        yield Finding("gunicorn", WARNING, seen, why, _INSTALL)
    elif gunicorn.refusal:
        seen = f"gunicorn does not take this configuration: {gunicorn.refusal}"
        yield Finding("gunicorn", ERROR, seen, "It does not start.")
    elif gunicorn.trouble:
        seen = f"gunicorn can't load its worker {gunicorn.worker_class!r}: {gunicorn.trouble}"
        yield Finding("gunicorn", ERROR, seen, "It does not start.", _INSTALL)
    else:
        source = gunicorn.file or "its command line"
        yield Finding("gunicorn", OK, f"version {gunicorn.version} takes {source}")


Judge = Callable[[Facts, Gunicorn], Iterable[Finding]]


def _of_gunicorn(judge: Judge) -> Callable[[Facts], Iterable[Finding]]:
    """A check of a gunicorn that starts. It finds nothing where there is none."""

    def check(facts: Facts) -> Iterable[Finding]:
        gunicorn = facts.gunicorn
        if gunicorn is None or not gunicorn.installed or gunicorn.refusal or gunicorn.trouble:
            return ()
        return judge(facts, gunicorn)

    check.__doc__ = judge.__doc__
    return check


@_of_gunicorn
def timeout(facts: Facts, gunicorn: Gunicorn) -> Iterator[Finding]:
    """Finds a ``timeout`` that kills a sync worker in the middle of a stream. Workers of the other
    kinds report to gunicorn while they stream."""
    longest = facts.options.total_timeout
    if gunicorn.kind == "sync" and gunicorn.timeout and not 0 < longest < gunicorn.timeout:
        seen = f"a sync worker is killed after timeout = {gunicorn.timeout} seconds"
        why = f"A stream that takes longer is cut off; total_timeout allows {_seconds(longest)}."
        yield Finding("timeout", ERROR, seen, why, gunicorn.fix("worker_class", "gevent"))


def _seconds(limit: float) -> str:
    return f"{limit:g} seconds" if limit else "any time"


@_of_gunicorn
def connections(facts: Facts, gunicorn: Gunicorn) -> Iterator[Finding]:
    """Finds a process that admits more streams than it has connections or threads."""
    room = {"gevent": gunicorn.worker_connections, "gthread": gunicorn.threads}
    admitted = facts.settings.max_streams
    if gunicorn.kind not in room or 0 < admitted <= room[gunicorn.kind]:
        return
    most = room[gunicorn.kind]
    what = "connections" if gunicorn.kind == "gevent" else "threads"
    yield Finding(
        "connections",
        WARNING,
        f"{most} {what} in a process, and LLMSTREAM_MAX_STREAMS admits {admitted or 'any number'}",
        f"Reader {most + 1} gets no 503 but waits in line, and so does every other request.",
        facts.config("MAX_STREAMS", max(1, most - 1)),
    )


@_of_gunicorn
def http2(facts: Facts, gunicorn: Gunicorn) -> Iterator[Finding]:
    """Finds gunicorn's own HTTP/2, which answers the requests of one connection one by one."""
    if gunicorn.http2:
        yield Finding(
            "http2",
            ERROR,
            "gunicorn speaks HTTP/2 itself, and answers a connection's requests one by one",
            "A browser has one connection to a site: while its stream is open, its page hangs.",
            gunicorn.fix("http_protocols", "h1"),
        )


@_of_gunicorn
def preload(facts: Facts, gunicorn: Gunicorn) -> Iterator[Finding]:
    """Finds ``preload_app`` with a gevent worker, which patches after the import."""
    if gunicorn.kind != "gevent" or not gunicorn.preload_app or gunicorn.patches:
        return
    if facts.is_patched:
        return  # ``late_patching`` tells what was imported too early
    leaked = facts.leaked
    yield Finding(
        "preload",
        ERROR if leaked else WARNING,
        "preload_app imports the application before the gevent worker patches"
        + (f"; it then keeps {listed(leaked)}" if leaked else ""),
        consequence(leaked) if leaked else "What it imports keeps functions that stop all streams.",
        Fix(PATCH, f"the first line of {gunicorn.file or 'gunicorn.conf.py'}"),
    )


@_of_gunicorn
def draining(facts: Facts, gunicorn: Gunicorn) -> Iterator[Finding]:
    """Finds workers that stop without ending their streams, or without the time to end them."""
    grace = gunicorn.graceful_timeout
    if gunicorn.kind not in ("gevent", "gthread"):
        return
    if not gunicorn.drains:
        seen = "nobody ends the open streams of a worker that is to go"
        why = f"Their readers see a cut, {grace} seconds after each restart and deployment."
        line = "from flask_llmstream.gunicorn import post_worker_init"
        fix = Fix(line, gunicorn.file or "gunicorn.conf.py")
        yield Finding("drain", WARNING, seen, why, fix)
    elif grace <= FAREWELL_SECONDS + 1:
        seen = f"graceful_timeout = {grace} leaves open streams no time to finish"
        why = "Whoever is being answered is told to come back, at each restart and deployment."
        yield Finding("drain", WARNING, seen, why, gunicorn.fix("graceful_timeout", 30))


@_of_gunicorn
def recycling(facts: Facts, gunicorn: Gunicorn) -> Iterator[Finding]:
    """Finds ``max_requests`` with a gevent worker: open streams get little time at its end."""
    longest, grace = facts.options.total_timeout, gunicorn.graceful_timeout
    if gunicorn.kind == "gevent" and gunicorn.max_requests and not 0 < longest <= grace:
        yield Finding(
            "max-requests",
            WARNING,
            f"a worker ends after max_requests = {gunicorn.max_requests} requests",
            f"Streams open by then {_fate(gunicorn)} {grace} seconds (graceful_timeout).",
            gunicorn.fix("max_requests", 0),
        )


def _fate(gunicorn: Gunicorn) -> str:
    return "are told to come back within" if gunicorn.drains else "are cut off after"

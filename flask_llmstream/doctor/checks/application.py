"""Checks of the application: compression, routes, heartbeats, departures, the reloader."""

from __future__ import annotations

import re
from typing import Iterator, List

from ...app.state import EXTENSION
from ..facts import NAMELESS, Facts
from ..finding import ERROR, OK, WARNING, Finding, Fix

IDLE_LIMITS = {"HAProxy": 50, "Heroku": 55, "nginx": 60, "AWS's ALB": 60, "Cloudflare": 100}
"""The seconds of silence that a proxy allows by default: ``timeout server`` of Debian's HAProxy,
nginx's ``proxy_read_timeout``, the documentation of the others."""

_COMPRESSES = re.compile(r"gzip|compress|brotli|deflate|zstd", re.IGNORECASE)
_COLLECTS = ("paste.gzipper.",)
"""Middleware that was seen to hold back a whole stream."""
_LEAVES_ALONE = ("flask_compress.",)
"""Hooks that were seen to leave ``Content-Encoding: identity`` alone, which streams carry."""


def compression(facts: Facts) -> Iterator[Finding]:
    """Finds middleware and hooks that compress: they may wait until they have enough."""
    names = [name for name in (*facts.layers, *facts.hooks) if _COMPRESSES.search(name)]
    for name in names:
        yield _compressor(name)
    if not names:
        layers = ", ".join(facts.layers) or "none"
        yield Finding("compression", OK, f"nothing compresses here; WSGI middleware: {layers}")


def _compressor(name: str) -> Finding:
    if name.startswith(_LEAVES_ALONE):
        seen = f"{name} leaves streams alone: they say Content-Encoding: identity"
        return Finding("compression", OK, seen)
    if name.startswith(_COLLECTS):
        level, why = ERROR, "It gives tokens on when the stream has ended, all at once."
    else:
        level, why = WARNING, "What compresses may hold tokens back until it has enough of them."
    fix = Fix("gzip on;", f"nginx, which leaves streams alone, in place of {name}")
    return Finding("compression", level, f"{name} compresses responses", why, fix)


def routes(facts: Facts) -> Iterator[Finding]:
    """Finds other routes at the address of a chat endpoint."""
    elsewhere = Fix('app.register_blueprint(…, url_prefix="/llm")', facts.app_file)
    for clash in facts.clashes:
        of_init_app = f"'{EXTENSION}." in clash
        fix = facts.config("URL_PREFIX", "/llm") if of_init_app else elsewhere
        yield Finding("routes", ERROR, clash, "Only one of them is ever reached.", fix)
    if not facts.clashes:
        places = ", ".join(facts.mounts)
        seen = f"nothing else is where the chat endpoints are, at {places}"
        yield Finding("routes", OK, seen if places else "no chat endpoints")


def heartbeat(facts: Facts) -> Iterator[Finding]:
    """Compares the heartbeat with the silence that proxies allow."""
    seconds = facts.options.heartbeat
    fix = facts.config("HEARTBEAT", 15)
    if not seconds:
        seen = "LLMSTREAM_HEARTBEAT = 0: no heartbeats"
        why = f"A proxy cuts off a model that thinks for long: {_limits(list(IDLE_LIMITS))}."
        yield Finding("heartbeat", WARNING, seen, why, fix)
        return
    late = [proxy for proxy, limit in IDLE_LIMITS.items() if limit <= seconds]
    if late:
        seen = f"a heartbeat every {seconds:g} seconds"
        why = f"Silence is cut off earlier, unless they were told otherwise: {_limits(late)}."
        yield Finding("heartbeat", WARNING, seen, why, fix)
    else:
        seen = f"every {seconds:g} seconds, before any known proxy cuts silence off"
        yield Finding("heartbeat", OK, seen)


def _limits(proxies: List[str]) -> str:
    return ", ".join(f"{proxy} after {IDLE_LIMITS[proxy]} s" for proxy in proxies)


def liveness(facts: Facts) -> Iterator[Finding]:
    """Tells how a reader's departure is noticed while the model is silent."""
    late = f"noticed at the next heartbeats, every {facts.options.heartbeat:g} seconds"
    if not facts.options.heartbeat:
        late = "noticed at the next token"
    serving = facts.serving
    if not facts.settings.liveness:
        fix = facts.config("LIVENESS", True)
        seen = f"LLMSTREAM_LIVENESS is off: a reader who leaves is {late}"
        yield Finding("liveness", WARNING, seen, _BURNS, fix)
    elif not facts.departures:
        seen = f"this platform does not tell who left (no POLLRDHUP): a departure is {late}"
        yield Finding("liveness", WARNING, seen, _BURNS)
    elif serving is not None and not serving.watched and serving.software == NAMELESS:
        seen = f"{NAMELESS} shows nothing of its client: a departure is {late}"
        why = "If it is an ASGI server, not at all: the model works to the end of its answer."
        line = "app = a2wsgi.WSGIMiddleware(app, workers=100)"
        fix = Fix(line, "the module that an ASGI server loads, and let it listen on TCP")
        yield Finding("liveness", WARNING, seen, why, fix)
    elif serving is not None and not serving.watched:
        server = f"{serving.software} ({serving.protocol})"
        seen = f"{server} shows nothing of its client: a departure is {late}"
        yield Finding("liveness", WARNING, seen, _BURNS)
    else:
        yield Finding("liveness", OK, "the client's socket is watched, also in silence")


_BURNS = "Until then the model works for nobody."


def reloader(facts: Facts) -> Iterator[Finding]:
    """Finds versions whose reloader fails in a patched process: ``flask run`` in debug mode."""
    if not (facts.debug and facts.is_patched):
        return
    if facts.flask < (2, 2):
        seen = f"debug mode, patched, on Flask {'.'.join(map(str, facts.flask))}"
        why = "`flask run` imports it on a thread then, and fails at the first request."
        fix = Fix("flask run --eager-loading", "the shell")
        yield Finding("reloader", ERROR, seen, why, fix)
    elif facts.watchdog is not None and facts.watchdog < (5,):
        version = ".".join(map(str, facts.watchdog))
        seen = f"debug mode, patched, and watchdog {version} is installed"
        why = "Its reloader waits where greenlets can't run: `flask run` answers nothing."
        fix = Fix("flask run --debug --no-reload", "the shell")
        yield Finding("reloader", ERROR, seen, why, fix)

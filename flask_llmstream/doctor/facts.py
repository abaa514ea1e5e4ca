"""``Facts``: everything that the checks look at, collected in one place."""

from __future__ import annotations

import os
import re
import select
import sys
from dataclasses import dataclass
from importlib import metadata
from typing import FrozenSet, Optional, Tuple

from flask import Flask

from ..app.config import Settings
from ..app.state import EXTENSION, AppState
from ..stream.options import StreamOptions
from ..views.misplaced import misplaced_views
from ..views.route_clashes import chat_mounts, clashes
from .finding import Fix
from .functions import Cached, body_readers, cached_streams
from .gunicorn import Gunicorn
from .layers import response_hooks, wsgi_layers
from .unpatched import PATCHED_BY_PATCH_ALL, LeakedOriginal, leaked_originals, patched_modules

Version = Tuple[int, ...]

NAMELESS = "a server without a name"
"""The name where ``SERVER_SOFTWARE`` is missing. Bridges from ASGI to WSGI leave it out;
hardly any other server does."""


@dataclass(frozen=True)
class Serving:
    """The server, as a process that serves requests sees it.

    :param software: the server's name for itself, or NAMELESS.
    :param greenlet: whether the request runs on a greenlet.
    :param several: whether the server runs several requests of one process at a time.
    :param watched: whether a reader's departure can be noticed while nothing is written.
    :param protocol: the HTTP version between client and server.
    """

    software: str
    greenlet: bool
    several: bool
    watched: bool
    protocol: str = "HTTP/1.1"


@dataclass(frozen=True)
class Facts:
    """What was found in this process and in the configuration of its server.

    :param app_file: the file that makes the application.
    :param patched: the modules that are monkey-patched.
    :param leaked: unpatched originals that other modules still hold.
    :param layers: the names of the WSGI middleware, from the outside in.
    :param hooks: the names of the functions that see each response.
    :param mounts: the addresses of chat endpoints.
    :param clashes: a line for each route of theirs whose address another route has too.
    :param body_readers: the hooks that read the body of a response.
    :param cached: the views that stream and are cached.
    :param misplaced: the rule and the name of each view that streams nothing, because
        ``@streams.view()`` stands above its route.
    :param flask: Flask's version.
    :param watchdog: watchdog's version; ``None`` where it is not installed.
    :param departures: whether this platform shows that a peer has left (``POLLRDHUP``).
    :param gunicorn: gunicorn's configuration; ``None`` where there is no sign of gunicorn.
    :param serving: the server; ``None`` in a process that serves no requests.
    """

    settings: Settings = Settings()
    options: StreamOptions = StreamOptions()
    app_file: str = "app.py"
    debug: bool = False
    patched: FrozenSet[str] = frozenset()
    leaked: Tuple[LeakedOriginal, ...] = ()
    layers: Tuple[str, ...] = ()
    hooks: Tuple[str, ...] = ()
    mounts: Tuple[str, ...] = ()
    clashes: Tuple[str, ...] = ()
    body_readers: Tuple[str, ...] = ()
    cached: Tuple[Cached, ...] = ()
    misplaced: Tuple[Tuple[str, str], ...] = ()
    flask: Version = (3, 0)
    watchdog: Optional[Version] = None
    departures: bool = True
    gunicorn: Optional[Gunicorn] = None
    serving: Optional[Serving] = None

    def config(self, key: str, value: object) -> Fix:
        """The line that sets an ``LLMSTREAM_*`` key to this value."""
        line = f'app.config["LLMSTREAM_{key}"] = {value!r}'
        return Fix(line, f"{self.app_file}, before init_app")

    @property
    def is_patched(self) -> bool:
        """Whether the threads of this process are greenlets."""
        return "threading" in self.patched

    @property
    def unpatched(self) -> Tuple[str, ...]:
        """The modules that ``patch_all()`` patches and that are not patched here."""
        return tuple(name for name in PATCHED_BY_PATCH_ALL if name not in self.patched)


def facts_of(
    app: Flask, gunicorn: Optional[Gunicorn] = None, serving: Optional[Serving] = None
) -> Facts:
    """The facts of this process, for an application that ``init_app`` has seen."""
    state: AppState = app.extensions[EXTENSION]
    return Facts(
        settings=state.settings,
        options=state.options,
        app_file=_file(app.import_name),
        debug=app.debug,
        patched=patched_modules(),
        leaked=leaked_originals(),
        layers=wsgi_layers(app),
        hooks=response_hooks(app),
        mounts=chat_mounts(app),
        clashes=tuple(map(str, clashes(app))),
        body_readers=body_readers(app),
        cached=cached_streams(app),
        misplaced=tuple(misplaced_views(app)),
        flask=version_of("flask") or (),
        watchdog=version_of("watchdog"),
        departures=hasattr(select, "POLLRDHUP"),
        gunicorn=gunicorn,
        serving=serving,
    )


def version_of(distribution: str) -> Optional[Version]:
    """The first three numbers of an installed version; ``None`` where it is not installed."""
    try:
        version = metadata.version(distribution)
    except metadata.PackageNotFoundError:
        return None
    return tuple(map(int, re.findall(r"\d+", version)[:3]))


def _file(module: str) -> str:
    path = getattr(sys.modules.get(module), "__file__", None)
    return os.path.relpath(path) if path else module

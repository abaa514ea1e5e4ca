"""``Facts``: all that the checks go by, gathered in one place so that they ask nobody else."""

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
from ..views.clashes import chat_mounts, clashes
from ..views.decorator import misplaced
from .finding import Fix
from .functions import Cached, body_readers, cached_streams
from .gunicorn import Gunicorn
from .layers import response_hooks, wsgi_layers
from .unpatched import PATCHED_BY_PATCH_ALL, LeakedOriginal, leaked_originals, patched_modules

Version = Tuple[int, ...]

NAMELESS = "a server without a name"
"""What no ASGI server's bridge to WSGI tells, and hardly any other server leaves out."""


@dataclass(frozen=True)
class Serving:
    """What a process that serves requests knows of its server.

    :param software: how the server calls itself, or NAMELESS.
    :param greenlet: whether the request runs on a greenlet.
    :param several: whether the server runs several requests of one process at a time.
    :param watched: whether a reader's departure can be seen while nothing is written.
    :param protocol: what the client speaks with it.
    """

    software: str
    greenlet: bool
    several: bool
    watched: bool
    protocol: str = "HTTP/1.1"


@dataclass(frozen=True)
class Facts:
    """What was found in this process, and what is said of the server.

    :param app_file: where the application is made.
    :param patched: the modules that are monkey-patched.
    :param kept: the originals in the hands of other modules.
    :param layers: the WSGI middleware, from the outside in.
    :param hooks: the functions that see each response.
    :param mounts: where chat endpoints are.
    :param clashes: the addresses that one of their routes shares with another, and with which.
    :param body_readers: those of the hooks that read bodies.
    :param cached: the views that stream and are cached.
    :param misplaced: the views that stream nothing as they are below ``@streams.view()``, each with
        its rule.
    :param flask: Flask's version.
    :param watchdog: watchdog's version, ``None`` where it is not installed.
    :param departures: whether this platform tells that a peer has left.
    :param gunicorn: what gunicorn would do, ``None`` where nothing speaks of it.
    :param serving: what the serving process knows, ``None`` in a process that serves nothing.
    """

    settings: Settings = Settings()
    options: StreamOptions = StreamOptions()
    app_file: str = "app.py"
    debug: bool = False
    patched: FrozenSet[str] = frozenset()
    kept: Tuple[LeakedOriginal, ...] = ()
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
        """What gives one of our keys this value."""
        line = f'app.config["LLMSTREAM_{key}"] = {value!r}'
        return Fix(line, f"{self.app_file}, before init_app")

    @property
    def is_patched(self) -> bool:
        """Whether threads are greenlets in this process."""
        return "threading" in self.patched

    @property
    def unpatched(self) -> Tuple[str, ...]:
        """What ``patch_all()`` would have patched, and was left out."""
        return tuple(name for name in PATCHED_BY_PATCH_ALL if name not in self.patched)


def facts_of(
    app: Flask, gunicorn: Optional[Gunicorn] = None, serving: Optional[Serving] = None
) -> Facts:
    """The facts of an application that has been given to ``init_app``, in this process."""
    state: AppState = app.extensions[EXTENSION]
    return Facts(
        settings=state.settings,
        options=state.options,
        app_file=_file(app.import_name),
        debug=app.debug,
        patched=patched_modules(),
        kept=leaked_originals(),
        layers=wsgi_layers(app),
        hooks=response_hooks(app),
        mounts=chat_mounts(app),
        clashes=tuple(map(str, clashes(app))),
        body_readers=body_readers(app),
        cached=cached_streams(app),
        misplaced=tuple(misplaced(app)),
        flask=version_of("flask") or (),
        watchdog=version_of("watchdog"),
        departures=hasattr(select, "POLLRDHUP"),
        gunicorn=gunicorn,
        serving=serving,
    )


def version_of(distribution: str) -> Optional[Version]:
    """The numbers of an installed version, ``None`` where it is not installed."""
    try:
        version = metadata.version(distribution)
    except metadata.PackageNotFoundError:
        return None
    return tuple(map(int, re.findall(r"\d+", version)[:3]))


def _file(module: str) -> str:
    path = getattr(sys.modules.get(module), "__file__", None)
    return os.path.relpath(path) if path else module

"""``Gunicorn``: its settings, from its configuration file, its environment and its command line."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any, List, Optional, Tuple

from .finding import Fix
from .unpatched import LeakedOriginal

_CHILD = "flask_llmstream.doctor.gunicorn_child"
PATIENCE = 20
"""Seconds that reading a configuration file may take. gunicorn itself would wait for ever."""
_DEFAULT_FILE = "gunicorn.conf.py"


@dataclass(frozen=True)
class Gunicorn:
    """gunicorn's settings. A field without an explanation has gunicorn's own name and meaning.

    :param installed: whether gunicorn is installed here. Without it nothing was read.
    :param refusal: why gunicorn refuses its configuration. The other fields mean nothing then.
    :param file: the configuration file that was read; ``""`` for none.
    :param on_command_line: the settings that the command line or the environment decides, not the
        file.
    :param kind: the kind of its worker class: ``gevent``, ``gthread``, ``sync`` or ``other``;
        ``""`` where the class can't be loaded.
    :param trouble: why the worker class can't be loaded.
    :param http2: whether a client can get HTTP/2 from it.
    :param patches: whether the configuration monkey-patches before the worker is made.
    :param drains: whether there is a ``post_worker_init``, which may end streams when a worker
        stops.
    :param leaked: the originals that stay unpatched when the gevent worker patches.
    """

    installed: bool = True
    refusal: str = ""
    version: str = ""
    file: str = ""
    on_command_line: Tuple[str, ...] = ()
    worker_class: str = "sync"
    kind: str = "sync"
    trouble: str = ""
    workers: int = 1
    threads: int = 1
    worker_connections: int = 1000
    timeout: int = 30
    graceful_timeout: int = 30
    max_requests: int = 0
    preload_app: bool = False
    http2: bool = False
    patches: bool = False
    drains: bool = False
    leaked: Tuple[LeakedOriginal, ...] = ()

    def fix(self, setting: str, value: Any) -> Fix:
        """The line that gives a setting this value, and its place."""
        if self.file and setting not in self.on_command_line:
            return Fix(f"{setting} = {value!r}", self.file)
        return Fix(f"{_OPTIONS[setting]} {value}", "gunicorn's command line")


_OPTIONS = {
    "worker_class": "--worker-class",
    "worker_connections": "--worker-connections",
    "timeout": "--timeout",
    "graceful_timeout": "--graceful-timeout",
    "max_requests": "--max-requests",
    "http_protocols": "--http-protocols",
}


def read_gunicorn(command: Optional[str], file: Optional[str]) -> Optional[Gunicorn]:
    """The settings that gunicorn would use in this directory and environment; ``None`` where there
    is no command line, no file and no ``GUNICORN_CMD_ARGS``.

    :param command: its command line, with or without the words before its own arguments.
    :param file: its configuration file. Default: ``gunicorn.conf.py`` where there is one.
    """
    said = command or file or os.environ.get("GUNICORN_CMD_ARGS") or os.path.exists(_DEFAULT_FILE)
    if not said:
        return None
    if find_spec("gunicorn") is None:
        return Gunicorn(installed=False)
    try:
        return _ask_gunicorn(_arguments(command or "", file))
    except ValueError as error:  # an open quote
        return Gunicorn(refusal=f"{command!r} is no command line: {error}")


def _arguments(command: str, file: Optional[str]) -> List[str]:
    words = shlex.split(command)
    names = [os.path.basename(word) for word in words]
    if "gunicorn" in names:
        words = words[names.index("gunicorn") + 1 :]
    return words + (["--config", file] if file else [])


def _ask_gunicorn(arguments: List[str]) -> Gunicorn:
    command = [sys.executable, "-m", _CHILD, *arguments]
    try:
        done = subprocess.run(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            timeout=PATIENCE, universal_newlines=True,
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        return Gunicorn(refusal=f"its configuration was not read within {PATIENCE} seconds")
    if done.returncode:
        return Gunicorn(refusal=_last_line(done.stderr))
    answer = json.loads(done.stdout)
    answer["on_command_line"] = tuple(answer["on_command_line"])
    answer["leaked"] = tuple(LeakedOriginal(*leaked) for leaked in answer["leaked"])
    return Gunicorn(**answer)


def _last_line(text: str) -> str:
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return lines[-1].rstrip(".") if lines else "gunicorn gave no reason"

"""What gunicorn would do here, from its configuration file, its environment, its command line."""

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
"""Seconds for a configuration file to be read. gunicorn itself would wait for ever."""
_DEFAULT_FILE = "gunicorn.conf.py"


@dataclass(frozen=True)
class Gunicorn:
    """What a configuration comes to; the names without an explanation are gunicorn's own.

    :param installed: whether gunicorn is installed here; where it is not, nothing was read.
    :param refusal: why gunicorn does not take it; the rest means nothing then.
    :param file: the configuration file that was read, ``""`` for none.
    :param on_command_line: the settings that the file has no say in.
    :param kind: what its worker class is: ``gevent``, ``gthread``, ``sync`` or ``other``; ``""``
        where it can't be loaded.
    :param trouble: why it can't be loaded.
    :param http2: whether a client can get HTTP/2 from it.
    :param patches: whether the configuration monkey-patches before the worker is made.
    :param drains: whether its ``post_worker_init`` may have streams end when a worker goes.
    :param kept: what stays unpatched when its gevent worker patches.
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
    kept: Tuple[LeakedOriginal, ...] = ()

    def mend(self, setting: str, value: Any) -> Fix:
        """What gives a setting this value."""
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
    """What gunicorn would do in this directory and environment; ``None`` where nothing tells.

    :param command: its command line, with or without what comes before its own arguments.
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
    answer["kept"] = tuple(LeakedOriginal(*kept) for kept in answer["kept"])
    return Gunicorn(**answer)


def _last_line(text: str) -> str:
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return lines[-1].rstrip(".") if lines else "gunicorn gave no reason"

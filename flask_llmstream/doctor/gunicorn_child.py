"""Reads a gunicorn configuration as gunicorn does, and prints the settings as JSON.

Run as ``python -m flask_llmstream.doctor.gunicorn_child ARGUMENTS…``, with gunicorn's own
arguments. It runs in a process of its own because a configuration file may do anything: print,
exit, patch. It also patches, as the gevent worker would, to see what stays unpatched.
"""

from __future__ import annotations

import json
import os
import sys
import warnings
from typing import Any, Dict, List

from gevent import monkey
from gunicorn import __version__
from gunicorn.app.base import Application

from .unpatched import leaked_originals, patched_modules

_KINDS = {
    "gunicorn.workers.ggevent": "gevent",
    "gunicorn.workers.gthread": "gthread",
    "gunicorn.workers.sync": "sync",
}
_PLAIN = (
    "workers",
    "threads",
    "worker_connections",
    "timeout",
    "graceful_timeout",
    "max_requests",
    "preload_app",
)


class Reader(Application):  # type: ignore[misc]
    """A gunicorn application that only reads its configuration."""

    def init(self, parser: Any, opts: Any, args: Any) -> None:
        """There are no further settings."""

    def load(self) -> None:
        """There is no application to load."""


def settings() -> Dict[str, Any]:
    """The fields of :class:`~flask_llmstream.doctor.gunicorn.Gunicorn`."""
    config = Reader("%(prog)s", prog="gunicorn").cfg
    patches = bool(patched_modules())
    kind, trouble = _worker(config)
    return {
        **{name: getattr(config, name) for name in _PLAIN},
        "version": __version__,
        "worker_class": config.worker_class_str,
        "file": os.path.relpath(config.config) if os.path.exists(config.config or "") else "",
        "on_command_line": _on_command_line(config),
        "kind": kind,
        "trouble": trouble,
        "http2": _http2(config),
        "patches": patches,
        "drains": _drains(config),
        "leaked": _leaked_when_patched() if kind == "gevent" else [],
    }


def _worker(config: Any) -> "tuple[str, str]":
    try:
        worker = config.worker_class
    except Exception as error:
        return "", str(error).strip("[] \n").rpartition("\n")[2]  # it ends with a traceback
    kinds = [_KINDS[base.__module__] for base in worker.__mro__ if base.__module__ in _KINDS]
    return (kinds or ["other"])[0], ""


def _http2(config: Any) -> bool:
    """Whether a client can get HTTP/2 from it."""
    spoken = "h2" in getattr(config, "http_protocols", ())
    return spoken and bool(config.is_ssl or getattr(config, "http2_cleartext", "off") != "off")


def _drains(config: Any) -> bool:
    """Is there a ``post_worker_init``? It may be ours, or may call ours."""
    return bool(config.post_worker_init.__module__ != "gunicorn.config")


def _leaked_when_patched() -> List[List[str]]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        monkey.patch_all()
    return [list(leaked) for leaked in leaked_originals()]


def _on_command_line(config: Any) -> List[str]:
    """The settings from the command line and the environment, which win over the file."""
    parser = config.parser()
    said = (sys.argv[1:], config.get_cmd_args_from_env())
    given = [vars(parser.parse_args(arguments)) for arguments in said]
    return sorted({name for one in given for name, value in one.items() if value is not None})


def main() -> None:
    """Print the settings and nothing else. What the configuration file prints goes to stderr."""
    answer = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    json.dump(settings(), answer)
    answer.flush()
    os._exit(0)  # also where the file has started threads


if __name__ == "__main__":
    main()

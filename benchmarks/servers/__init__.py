"""The servers that are compared: one file each beside this one, the same two routes in every file.

``/burst?n=`` sends ``n`` tokens without a pause; ``/paced?n=&gap=`` stamps each with the time at
which it is yielded and sleeps ``gap`` seconds after it. Each is started as ``<interpreter> <file>
<port>``. They run in other environments than this package's, and import nothing of it.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Tuple

HERE = Path(__file__).parent


@dataclass(frozen=True)
class Server:
    """One row of the tables: a file, the environment that runs it, and what it is."""

    name: str
    file: str
    environment: str
    about: str
    prefix: str = ""
    framing: Tuple[str, ...] = ("event: message", "data: {}")

    @property
    def path(self) -> Path:
        return HERE / self.file


SERVERS = (
    Server("ours", "ours.py", "flask", "text deltas, standard library's json"),
    Server("ours+orjson", "ours.py", "flask-orjson", "text deltas, orjson installed"),
    Server("ours-mapping", "ours.py", "flask", "mappings, standard library's json", "/mapping"),
    Server(
        "ours-mapping+orjson", "ours.py", "flask-orjson", "mappings, orjson installed", "/mapping"
    ),
    Server("ours-emitter", "ours.py", "flask", "text deltas sent to an emitter", "/emitter"),
    Server("plain-flask", "plain_flask.py", "flask", "a generator on the same gevent.pywsgi"),
    Server("sse-starlette", "starlette_app.py", "asgi", "on uvicorn with uvloop and httptools"),
    Server("node", "node_http.js", "node", "the bare http module"),
    Server(
        "better-sse",
        "better_sse.js",
        "node",
        "its sessions on node's http module",
        framing=("event:message", "id:*", "data:{}"),
    ),
)

NAMES = tuple(server.name for server in SERVERS)


def named(names: Tuple[str, ...]) -> Tuple[Server, ...]:
    """The servers of those names, in the order of the tables."""
    return tuple(server for server in SERVERS if server.name in names)

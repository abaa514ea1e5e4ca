"""The servers that are compared: one file each beside this one, the same two routes in every file.

``/burst?n=`` sends ``n`` tokens without a pause. ``/paced?n=&gap=`` puts the time of its ``yield``
into each token and sleeps ``gap`` seconds after it. A server is started as ``<interpreter> <file>
<port>``, in an environment of ``benchmarks/.work``, and imports nothing of ``benchmarks``.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Iterator, Tuple

HERE = Path(__file__).parent
CHECKOUT = HERE.parent.parent
BEFORE = "before:"
OURS = "ours.py"


@dataclass(frozen=True)
class Server:
    """One row of the tables: a file, the environment that runs it, and what it is.

    ``checkout`` is the directory whose flask_llmstream the file imports.
    """

    name: str
    file: str
    environment: str
    about: str
    prefix: str = ""
    framing: Tuple[str, ...] = ("event: message", "data: {}")
    checkout: Path = CHECKOUT

    @property
    def path(self) -> Path:
        return HERE / self.file


SERVERS = (
    Server("ours", OURS, "flask", "text deltas, standard library's json"),
    Server("ours+orjson", OURS, "flask-orjson", "text deltas, orjson installed"),
    Server("ours-mapping", OURS, "flask", "mappings, standard library's json", "/mapping"),
    Server(
        "ours-mapping+orjson", OURS, "flask-orjson", "mappings, orjson installed", "/mapping"
    ),
    Server("ours-emitter", OURS, "flask", "text deltas sent to an emitter", "/emitter"),
    Server("plain-flask", "plain_flask.py", "flask", "a generator on the same gevent.pywsgi"),
    Server("sse-starlette", "starlette_app.py", "asgi", "on uvicorn with uvloop and httptools"),
    Server("fastapi", "fastapi_app.py", "fastapi", "its own event streams on the same uvicorn"),
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


def beside(checkout: Path, servers: Tuple[Server, ...]) -> Iterator[Server]:
    """The same servers; after each of ours comes the one that runs on the other checkout."""
    for server in servers:
        yield server
        if server.file == OURS:
            yield replace(server, name=BEFORE + server.name, checkout=checkout)

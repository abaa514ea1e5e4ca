"""The servers that are compared: one file each beside this one.

Servers of event streams have the same two routes. ``/burst?n=`` sends ``n`` tokens without a pause.
``/paced?n=&gap=`` puts the time of its ``yield`` into each token and sleeps ``gap`` seconds after
it. ``/replay?n=`` sends the events of a burst that was before. A server that keeps its streams in
Redis finds it at the address ``REDIS_URL``. Relays answer ``/v1/chat/completions`` from the model's
server at the address ``UPSTREAM``, whose certificate is signed by ``UPSTREAM_CA``.

A server is started as ``<interpreter> <file> <port>``, in an environment of ``benchmarks/.work``,
and imports nothing of ``benchmarks``.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Iterator, Tuple

HERE = Path(__file__).parent
CHECKOUT = HERE.parent.parent
BEFORE = "before:"
WITH_ID = ("event: message", "data: {}", "id: *")
OURS = "ours.py"
OUR_RELAY = "ours_relay.py"
OUR_RESUME = "ours_resume.py"
LITELLM = "litellm"


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

    @property
    def kind(self) -> str:
        """The name, without the mark of another checkout."""
        return self.name[len(BEFORE) :] if self.name.startswith(BEFORE) else self.name

    @property
    def is_ours(self) -> bool:
        """Whether another checkout can be measured beside it. An older one may keep no streams."""
        return self.file in (OURS, OUR_RELAY)


SERVERS = (
    Server("ours", OURS, "flask", "text deltas, standard library's json"),
    Server("ours+orjson", OURS, "flask-orjson", "text deltas, orjson installed"),
    Server("ours-mapping", OURS, "flask", "mappings, standard library's json", "/mapping"),
    Server(
        "ours-mapping+orjson", OURS, "flask-orjson", "mappings, orjson installed", "/mapping"
    ),
    Server("ours-emitter", OURS, "flask", "text deltas sent to an emitter", "/emitter"),
    Server(
        "ours-resume",
        OUR_RESUME,
        "flask",
        "text deltas, kept in memory for readers who come back",
        framing=WITH_ID,
    ),
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
    Server(
        "ours-redis",
        OUR_RESUME,
        "flask-redis",
        "text deltas, kept in Redis",
        framing=WITH_ID,
    ),
    Server(
        "fastapi-resumable-stream",
        "fastapi_resumable.py",
        "fastapi-resumable",
        "on uvicorn with uvloop and httptools",
    ),
    Server("assistant-stream", "assistant.py", "assistant", "its resumable streams on the same"),
    Server("resumable-stream", "resumable_stream.js", "node", "Vercel's, on node's http module"),
    Server("ours-relay", OUR_RELAY, "flask", "the chat endpoint, standard library's json"),
    Server("ours-relay+orjson", OUR_RELAY, "flask-orjson", "the chat endpoint, orjson installed"),
    Server("pass-through", "pass_through.js", "node", "node hands bytes on, and reads none"),
    Server(LITELLM, "litellm_proxy.py", LITELLM, "the LiteLLM proxy, one worker"),
)

NAMES = tuple(server.name for server in SERVERS)
USUAL = tuple(name for name in NAMES if name != LITELLM)
"""All but the one whose installation takes 800 MB."""

RELAYS = ("ours-relay", "ours-relay+orjson", "pass-through", LITELLM)
IN_REDIS = ("ours-redis", "fastapi-resumable-stream", "assistant-stream", "resumable-stream")
REPLAYED = ("ours-resume", "plain-flask")
EVENT_STREAMS = tuple(name for name in NAMES if name not in RELAYS + IN_REDIS)
GROWING = ("ours", "plain-flask", "sse-starlette", "node")
OPENED = ("ours", "plain-flask")


def named(names: Tuple[str, ...]) -> Tuple[Server, ...]:
    """The servers of those names, in the order of the tables."""
    return tuple(server for server in SERVERS if server.name in names)


def beside(checkout: Path, servers: Tuple[Server, ...]) -> Iterator[Server]:
    """The same servers; after each of ours comes the one that runs on the other checkout."""
    for server in servers:
        yield server
        if server.is_ours:
            yield replace(server, name=BEFORE + server.name, checkout=checkout)

"""What one work is: the requests of its readers, and the numbers that are taken."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Optional, Tuple

from .metrics import Metric
from .servers import EVENT_STREAMS, Server

CHAT = "/v1/chat/completions"
MESSAGE_MARK = '{"ended":false,"message":"'
CONTENT_MARK = '"content":"'


@dataclass(frozen=True)
class Work:
    """One kind of work, of the ``servers`` with these names.

    ``readers`` connect over ``spread`` seconds, and at most ``at_once`` (0: any number) are there
    at a time. They leave ``hold`` seconds after all had an event. With 0 each reads ``events``
    events, to the end; together they are ``text``, where that is known beforehand. ``warm_up`` is
    done before the measurement.

    A relay's work has an ``upstream``, ``http`` or ``https``, and a ``prompt`` for the model there.
    With ``direct`` the readers ask that model itself, too. With ``redis`` the server keeps its
    streams in one.
    """

    name: str
    about: str
    path: str
    readers: int
    metrics: Tuple[Metric, ...] = ()
    servers: Tuple[str, ...] = EVENT_STREAMS
    at_once: int = 0
    spread: float = 0.0
    hold: float = 0.0
    events: int = 0
    text: str = ""
    upstream: str = ""
    prompt: str = ""
    direct: bool = False
    redis: bool = False
    warm_up: Optional["Work"] = None

    @property
    def mark(self) -> str:
        """The JSON before the text of an event."""
        return CONTENT_MARK if self.upstream else MESSAGE_MARK

    @property
    def body(self) -> str:
        """The JSON that is posted, for a relay; else ``""``, and the request is a GET."""
        return chat_request(self.prompt) if self.upstream else ""

    def is_for(self, server: Server) -> bool:
        return server.kind in self.servers

    def request(self, prefix: str, port: int) -> str:
        """The whole HTTP request of one reader."""
        head = f"{prefix}{self.path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n"
        accepts = "Accept: text/event-stream\r\n"
        if not self.body:
            return f"GET {head}{accepts}\r\n"
        sent = f"Content-Type: application/json\r\nContent-Length: {len(self.body)}\r\n"
        return f"POST {head}{accepts}{sent}\r\n{self.body}"


def chat_request(prompt: str) -> str:
    messages = [{"role": "user", "content": prompt}]
    return json.dumps({"model": "relay", "stream": True, "messages": messages})


def counted(events: int) -> str:
    """The text of a burst: its tokens are the numbers from 0."""
    return "".join(map(str, range(events)))

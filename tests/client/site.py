"""A site of this package, on a thread of the test's own process."""

from __future__ import annotations

import socket
import threading
from contextlib import contextmanager
from typing import Any, Iterator

from flask import Flask
from werkzeug.serving import make_server

from flask_llmstream import CallableProvider, LLMStream, StreamError, Usage
from tests.support.upstream import Exchange, Script

WORDS = ["Hel", "lo \u2028\n", " 🎈"]


def speak(request: Any) -> Iterator[Any]:
    if request.prompt == "fail":
        yield "half"
        raise StreamError("The model is out of order.", code="broken")
    yield from WORDS
    yield Usage(prompt_tokens=1, completion_tokens=len(WORDS))


def app_of(**config: Any) -> Flask:
    """A site with this configuration."""
    app = Flask("a_site")
    app.config.update(SECRET_KEY="of no use", **config)
    LLMStream(app, providers={"model": CallableProvider(speak)})
    return app


@contextmanager
def serving(**config: Any) -> Iterator[str]:
    """The URL of the chat endpoints of a site with this configuration."""
    server = make_server("127.0.0.1", 0, app_of(**config), threaded=True)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/v1/chat/"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def cutting(port: int, *lengths: int) -> Script:
    """A script that passes each request on, and cuts each answer after so many bytes.

    :param lengths: of the first answers; the others are whole.
    """
    left = list(lengths)

    def script(exchange: Exchange) -> None:
        length = left.pop(0) if left else None
        with socket.create_connection(("127.0.0.1", port)) as server:
            headers = {**exchange.headers, "Connection": "close"}
            lines = [f"{name}: {value}" for name, value in headers.items()]
            first = f"{exchange.method} {exchange.path} HTTP/1.1"
            server.sendall("\r\n".join([first, *lines, "", ""]).encode() + exchange.body)
            answer = b"".join(iter(lambda: server.recv(65536), b""))
        exchange.send(answer[:length])
        exchange.end()

    return script

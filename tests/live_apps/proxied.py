"""The live application behind a proxy: each of its streams has a gate of its own.

Nothing is patched here; the server may patch.
"""

from __future__ import annotations

import os
import queue
import threading
import time
from collections import defaultdict

from flask import jsonify, request
from werkzeug.middleware.proxy_fix import ProxyFix

from flask_llmstream import StreamError
from tests.live_apps.plain import app, streams

app.wsgi_app = ProxyFix(app.wsgi_app)

if "COMPRESS" in os.environ:
    from flask_compress import Compress

    app.config["COMPRESS_MIMETYPES"] = ["text/event-stream", "text/css"]
    Compress(app)


class Gate:
    """The steps that one generator waits for, and the time at which it was closed."""

    def __init__(self) -> None:
        self.steps: "queue.Queue[str]" = queue.Queue()
        self.closed = threading.Event()
        self.closed_at = 0.0

    def generator(self):
        """Gives each released step as a delta, until ``end``."""
        try:
            yield from iter(self.steps.get, "end")
        finally:
            self.closed_at = time.monotonic()
            self.closed.set()


gates: "defaultdict[str, Gate]" = defaultdict(Gate)


@app.route("/gate/<name>", methods=["GET", "POST"])
def gate(name):
    heartbeat = float(request.args["heartbeat"])
    return streams.response(gates[name].generator(), heartbeat=heartbeat)


@app.route("/own", methods=["POST"])
def own():
    streams.refuse_cross_site()
    return "own"


@app.route("/gate/<name>/<step>", methods=["POST"])
def release_gate(name, step):
    gates[name].steps.put(step)
    return ""


@app.route("/gate/<name>/closed")
def wait_until_gate_closed(name):
    """Answers when the generator has run its ``finally``, or after ``seconds``."""
    closed = gates[name].closed.wait(float(request.args["seconds"]))
    return jsonify(closed=closed, at=gates[name].closed_at)


@app.route("/unmarked/<name>")
def unmarked(name):
    """A stream without the header that asks a proxy not to buffer."""
    response = streams.response(gates[name].generator())
    del response.headers["X-Accel-Buffering"]
    return response


@app.route("/paced/<int:tokens>")
@streams.view()
def paced(tokens):
    """The first token at once, the others 100 ms apart."""
    for number in range(tokens):
        yield str(number)
        time.sleep(0.1)


@app.route("/full")
@streams.view(hold=5)
def full():
    raise StreamError("Full for now.", status=503, retry_after=7)
    yield


@app.route("/page")
def page():
    """A page that is worth compressing."""
    return "x" * 10000, {"Content-Type": "text/css"}


@app.route("/address")
def address():
    """The reader's address, which the limit for each client uses."""
    return request.remote_addr

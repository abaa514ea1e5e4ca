"""The views of the live application; nothing is patched here.

A test releases a generator one step at a time, by a request of its own. So an item that arrives
before the next release was not held back, whatever the machine's speed.
"""

from __future__ import annotations

import os
import queue
import threading

from flask import Flask, jsonify, request, session

from flask_llmstream import CallableProvider, CompletionRequest, Counter, LLMStream
from flask_llmstream.runtime.runtime import on_greenlet
from tests.live_apps.bad_days import bad_days
from tests.live_apps.counts import counts
from tests.live_apps.endings import endings

app = Flask(__name__)
app.config.update(
    SECRET_KEY="for tests",
    LLMSTREAM_MAX_STREAMS=0,
    LLMSTREAM_LIVENESS="UNWATCHED" not in os.environ,
)

steps: "queue.Queue[str]" = queue.Queue()
"""The steps that the generators wait for."""
entered = threading.Semaphore(0)
"""Released once by each generator that begins."""
closed = threading.Semaphore(0)
"""Released once by each generator's ``finally``."""


def gated(request_to_the_model=None):
    """Gives each released step as a delta, until ``end``."""
    entered.release()
    try:
        while True:
            step = steps.get()
            if step == "end":
                return
            yield step
    finally:
        closed.release()


providers = {"gated": CallableProvider(gated)}
if "UPSTREAM" in os.environ:
    from flask_llmstream import OpenAICompatible

    providers["upstream"] = OpenAICompatible(os.environ["UPSTREAM"])
streams = LLMStream(app, providers=providers)
app.register_blueprint(counts)
app.register_blueprint(bad_days)
app.register_blueprint(endings)

if "DRAIN_SECONDS" in os.environ:
    streams.drain_on_sigterm(float(os.environ["DRAIN_SECONDS"]))


@app.route("/gated")
@streams.view(heartbeat=30)
def gated_view():
    return gated()


@app.route("/beating")
@streams.view(heartbeat=0.05)
def beating():
    return gated()


@app.route("/feed")
@streams.view(reconnect="restart")
def feed():
    return gated()


@app.route("/context")
@streams.view()
def context():
    yield f"{request.path} {session.get('user', 'nobody')}"


@app.route("/farewell")
@streams.view(heartbeat=30)
def farewell():
    try:
        yield from gated()
    finally:
        app.logger.warning("farewell, %s", request.headers["X-Reader"])


@app.route("/where")
@streams.view(heartbeat=0)
def where():
    yield "greenlet" if on_greenlet() else "thread"


@app.route("/length", methods=["POST"])
@streams.view()
def length():
    yield f"{len(request.json['prompt'])} characters"


@app.route("/uploaded", methods=["POST"])
@streams.view(heartbeat=0.05)
def uploaded():
    yield f"{len(request.get_data())} bytes"


@app.route("/unread", methods=["POST"])
@streams.view(heartbeat=0.05)
def unread():
    yield "0 bytes"


@app.route("/echo", methods=["POST"])
def echo():
    """Answers while the request arrives."""
    stream = request.stream
    return streams.response(stream.read(65536)[:1].decode() for _ in range(2))


@app.route("/flood")
def flood():
    """An answer larger than any socket's buffers, for a reader who never reads."""
    seconds = float(request.args.get("send_timeout", 0.5))
    return streams.response(flooding(), send_timeout=seconds, heartbeat=0)


def flooding():
    try:
        while True:
            yield "x" * 65536
    finally:
        closed.release()


@app.route("/counter")
@streams.view()
def counter():
    return Counter(interval=0.3).stream(CompletionRequest("counter"))


@app.route("/relayed")
def relayed():
    """An answer of the model's server."""
    asked = CompletionRequest("upstream", prompt=request.args["prompt"])
    seconds = {name: float(request.args.get(name, 0)) for name in ("heartbeat", "hold")}
    return streams.response(providers["upstream"].stream(asked), **seconds)


@app.route("/release/<step>", methods=["POST"])
def release(step):
    steps.put(step)
    return ""


@app.route("/entered")
def wait_until_entered():
    """Answers when one more generator has begun, or after ``seconds`` without one."""
    return jsonify(entered=entered.acquire(timeout=float(request.args["seconds"])))


@app.route("/closed")
def wait_until_closed():
    """Answers when one more generator has run its ``finally``, or after ``seconds`` without one."""
    return jsonify(closed=closed.acquire(timeout=float(request.args["seconds"])))


@app.route("/forget", methods=["POST"])
def forget():
    """Forgets what an earlier test has left."""
    for semaphore in (entered, closed):
        while semaphore.acquire(blocking=False):
            pass
    while not steps.empty():
        steps.get()
    return ""


@app.route("/slots")
def slots():
    return jsonify(taken=app.extensions["llmstream"].slots.taken)

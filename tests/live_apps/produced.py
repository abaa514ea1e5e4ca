"""Streams that are kept in Redis, at ``REDIS_URL``. A key there counts how often each was begun."""

from __future__ import annotations

import os
import signal
import time

import redis
from flask import Flask, jsonify, request

from flask_llmstream import LLMStream
from tests.support.produced import token

URL = os.environ["REDIS_URL"]
streams = LLMStream()
app = Flask(__name__)
app.config.update(
    SECRET_KEY="of no use",
    LLMSTREAM_REPLAY_URL=URL,
    LLMSTREAM_URL_PREFIX="/v1",
    LLMSTREAM_FORMAT="text",
)
streams.init_app(app)
# Who finds no connection waits for one: a worker that was slow begins and ends many at a time.
kept = redis.Redis(connection_pool=redis.BlockingConnectionPool.from_url(URL, timeout=None))


@app.after_request
def tell_the_worker(response):
    response.headers["X-Worker"] = str(os.getpid())
    return response


def tokens(name: str, number: int, pause: float):
    """A text, token by token."""
    kept.incr(f"begun:{name}")
    try:
        for each in range(number):
            yield token(name, each)
            time.sleep(pause)
    finally:
        kept.incr(f"left:{name}")


@app.post("/answers/<name>")
def answer(name):
    number, pause, *options = request.get_json()
    return streams.response(tokens(name, number, pause), reconnect="resume", **dict(options))


@app.post("/ids")
def new_id():
    return jsonify(id=streams.new_stream_id())


@app.get("/read/<stream_id>")
def read(stream_id):
    return streams.attach(stream_id)


@app.post("/end")
def end():
    """Tell this worker to end. It has heard of it, and refuses new streams, when this is answered.
    """
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(0)  # the hub's turn
    return "", 204


@app.post("/stop/<stream_id>")
def stop(stream_id):
    streams.stop(stream_id)
    return "", 204

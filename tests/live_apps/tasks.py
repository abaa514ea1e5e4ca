"""Streams that Celery's workers produce. Redis is the broker, and keeps the streams.

A task of a worker that is lost comes back after ``VISIBLE_AFTER`` seconds.
"""

from __future__ import annotations

import os
import threading

from celery import Celery
from flask import jsonify, request

from tests.live_apps.produced import URL, app, kept, streams, tokens

celery = Celery("tasks", broker=URL)
celery.conf.update(
    task_acks_late=True,
    task_reject_on_worker_lost=True,
    task_ignore_result=True,
    worker_prefetch_multiplier=1,
    broker_connection_retry_on_startup=True,
    broker_transport_options={"visibility_timeout": float(os.environ.get("VISIBLE_AFTER", 3600))},
)


@celery.task
def count(stream_id, number, pause):
    """A text, token by token."""
    with app.app_context(), streams.producer(stream_id) as emitter:
        for token in tokens(stream_id, number, pause):
            emitter.send(token)


@celery.task
def wait(stream_id):
    """A model that is silent after its first token. The call to it can be aborted."""
    aborted = threading.Event()
    with app.app_context(), streams.producer(stream_id) as emitter:
        emitter.on_cancel(aborted.set)
        run = kept.incr(f"begun:{stream_id}")
        kept.set(f"pid:{stream_id}", os.getpid())
        emitter.send(f"run {run}")
        aborted.wait(60)
        emitter.send("more")
    kept.set(f"left:{stream_id}", 1)


@celery.task
def fail(stream_id):
    """A model that fails in the middle."""
    with app.app_context(), streams.producer(stream_id) as emitter:
        emitter.send("one")
        raise LookupError("no more tokens")


@app.post("/tasks/<name>")
def begin(name):
    stream_id = streams.new_stream_id()
    celery.tasks[f"{__name__}.{name}"].delay(stream_id, *request.get_json())
    return jsonify(id=stream_id)


@app.post("/queued")
def queued():
    """A task that no worker takes, as its queue has none."""
    stream_id = streams.new_stream_id(begin_timeout=request.get_json())
    count.apply_async((stream_id, 3, 0), queue="of_nobody")
    return jsonify(id=stream_id)

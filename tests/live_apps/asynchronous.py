"""Asynchronous views, and a count of the native threads. Nothing is patched here."""

from __future__ import annotations

import asyncio
import os
import threading

from flask import Flask, jsonify

from flask_llmstream import LLMStream

app = Flask(__name__)
app.config.update(LLMSTREAM_MAX_STREAMS=0)
streams = LLMStream(app)
cancelled = threading.Semaphore(0)
"""Released once by each stream that is cancelled where it awaits."""


@app.route("/open")
@streams.view()
async def open_until_its_reader_leaves():
    try:
        yield "one"
        await asyncio.sleep(3600)
    except asyncio.CancelledError:
        cancelled.release()
        raise


@app.route("/count")
@streams.view()
async def count():
    for number in range(10):
        await asyncio.sleep(0.1)
        yield str(number)


@app.route("/cancelled/<int:number>")
def wait_until_cancelled(number):
    """Answers when so many more streams have been cancelled, or after 15 s with their number."""
    return jsonify(cancelled=sum(cancelled.acquire(timeout=15) for _ in range(number)))


@app.route("/threads")
def threads():
    """The native threads of this process."""
    return jsonify(threads=len(os.listdir("/proc/self/task")))

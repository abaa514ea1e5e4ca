"""What was made on a native thread keeps nothing of it. greenlet may free that too early."""

from __future__ import annotations

import subprocess
import sys
import threading
import weakref

import pytest
from gevent import getcurrent

from flask_llmstream import StreamIsProduced
from flask_llmstream.app.owner import NOBODY
from flask_llmstream.app.stream_ids import signed_id
from tests.support.eventually import eventually
from tests.support.runtimes import HANG_GUARD


def refused_producer(app, streams):
    stream_id = signed_id(app, NOBODY)
    with streams.producer(stream_id):
        refused = streams.producer(stream_id)
        with pytest.raises(StreamIsProduced), refused:
            pass
    return refused


MADE = {
    "emitter": lambda app, streams: streams.emitter(),
    "response that nobody reads": lambda app, streams: streams.response(["one"]),
    "response of an emitter": lambda app, streams: streams.emitter().response(),
    "producer": lambda app, streams: streams.producer(signed_id(app, NOBODY)),
    "refused producer": refused_producer,
}


@pytest.mark.parametrize("make", MADE.values(), ids=MADE)
def test_the_greenlet_object_of_an_ended_thread_is_freed(app, streams, make):
    made, greenlets = [], []

    def run():
        greenlets.append(weakref.ref(getcurrent()))
        with app.test_request_context():
            made.append(make(app, streams))

    thread = threading.Thread(target=run)
    thread.start()
    thread.join(HANG_GUARD)
    assert made
    eventually(lambda: greenlets[0]() is None)


THE_THREAD_ENDS_MEANWHILE = """
import gc, os, threading
from time import sleep
from flask import Flask
from flask_llmstream import LLMStream

class Garbage:
    def __init__(self, held):
        self.itself, self.held = self, held

    def __del__(self):
        over.set()
        while str(thread.native_id) in os.listdir("/proc/self/task"):
            sleep(0.001)
        for _ in range(100):
            sleep(0.0001)  # here the interpreter tells greenlet that the thread has ended

def run():
    with app.test_request_context():
        Garbage(streams.emitter())
    made.set()
    over.wait()

gc.disable()
app, streams = Flask("a_site"), LLMStream()
app.secret_key = "of no use"
streams.init_app(app)
made, over = threading.Event(), threading.Event()
thread = threading.Thread(target=run)
thread.start()
made.wait()
assert gc.collect()
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="it asks /proc for the thread")
def test_the_thread_of_an_emitter_ends_while_gc_collects_that():
    """In a process of its own, as it would crash."""
    command = [sys.executable, "-X", "faulthandler", "-c", THE_THREAD_ENDS_MEANWHILE]
    subprocess.run(command, check=True, timeout=HANG_GUARD)

"""A patched process whose items come from threads that C started, as an SDK's callbacks do.

``python -m tests.live_apps.native_senders OVERFLOW`` prints how many items of each thread arrived,
whether they were in order, and how many descriptors were open before and after.
"""

from gevent import monkey

monkey.patch_all()

import ctypes  # noqa: E402
import json  # noqa: E402
import os  # noqa: E402
import sys  # noqa: E402
from collections import defaultdict  # noqa: E402

import gevent  # noqa: E402
from flask import Flask  # noqa: E402
from werkzeug.test import create_environ  # noqa: E402

from flask_llmstream import EventStreamDecoder, LLMStream  # noqa: E402

THREADS, ITEMS = 8, 500
CALLBACK = ctypes.CFUNCTYPE(ctypes.c_void_p, ctypes.c_void_p)
libc = ctypes.CDLL(None)

app = Flask(__name__)
streams = LLMStream(app)
kept = []


@app.route("/")
def view():
    emitter = streams.emitter(overflow=sys.argv[1], buffer=16, format="text")
    left, lock = [THREADS], monkey.get_original("_thread", "allocate_lock")()

    def run(argument):
        thread = argument or 0
        for number in range(ITEMS):
            emitter.send(f"{thread} {number}")
        with lock:
            left[0] -= 1
            if not left[0]:
                emitter.complete()
        return None

    callback = CALLBACK(run)
    kept.append(callback)  # as long as C may call it
    for thread in range(THREADS):
        handle = ctypes.c_ulong()
        libc.pthread_create(ctypes.byref(handle), None, callback, ctypes.c_void_p(thread))
        libc.pthread_detach(handle)
    return emitter.response()


def read():
    got = defaultdict(list)
    decoder = EventStreamDecoder()
    body = app(create_environ("/"), lambda *started: None)
    for block in body:
        for event in decoder.feed(block):
            if event.event != "message":
                continue
            thread, number = event.data.split()
            got[thread].append(int(number))
        gevent.sleep(0)
    body.close()
    return got


def descriptors():
    return len(os.listdir("/proc/self/fd"))


if __name__ == "__main__":
    read()  # objects that are made once are made now
    before = descriptors()
    got = read()
    gevent.sleep(0.1)
    counts = [len(numbers) for numbers in got.values()]
    in_order = all(numbers == sorted(numbers) for numbers in got.values())
    after = descriptors()
    print(json.dumps({"counts": counts, "in_order": in_order, "before": before, "after": after}))

"""A producer that never waits of itself, under each strategy. Not one of those compared."""

from gevent import monkey

monkey.patch_all()

import logging  # noqa: E402
import operator  # noqa: E402
import sys  # noqa: E402

import gevent  # noqa: E402
from flask import Flask, jsonify  # noqa: E402
from gevent.pywsgi import WSGIServer  # noqa: E402

from flask_llmstream import LLMStream  # noqa: E402

MERGING = {"overflow": "latest", "coalesce": operator.add}

logging.disable(logging.CRITICAL)  # an end by overflow is what is looked for here
app = Flask(__name__)
streams = LLMStream(app)
emitters = {}


def send_for_ever(emitter, item):
    while not emitter.is_cancelled:
        for _ in range(100):
            emitter.send(item)
        gevent.sleep(0)


@app.route("/<name>/stream")
def stream(name):
    merges = name == "coalesce"
    item = "token " if merges else {"ended": False, "message": "token"}

    def produce(emitter):
        emitters[name] = emitter
        send_for_ever(emitter, item)

    options = MERGING if merges else {"overflow": name}
    return streams.create(produce, send_timeout=0, **options)


@app.route("/<name>/statistics")
def statistics(name):
    emitter = emitters[name]
    return jsonify(ended=emitter.is_cancelled, **emitter.statistics._asdict())


WSGIServer(("127.0.0.1", int(sys.argv[1])), app, log=None).serve_forever()

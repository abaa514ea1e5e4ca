"""flask_llmstream on gevent.pywsgi: a generator of text, one of mappings, and an emitter."""

from gevent import monkey

monkey.patch_all()

import sys  # noqa: E402

import tokens  # noqa: E402
from flask import Flask, request  # noqa: E402
from gevent.pywsgi import WSGIServer  # noqa: E402

from flask_llmstream import LLMStream  # noqa: E402

app = Flask(__name__)
app.config["LLMSTREAM_MAX_STREAMS"] = 0
streams = LLMStream(app)


def mappings(deltas):
    for delta in deltas:
        yield {"ended": False, "message": delta}


def burst_tokens():
    return tokens.burst(int(request.args["n"]))


def paced_tokens():
    return tokens.paced(int(request.args["n"]), float(request.args["gap"]))


@app.route("/burst")
def burst():
    return streams.response(burst_tokens())


@app.route("/paced")
def paced():
    return streams.response(paced_tokens())


@app.route("/mapping/burst")
def mapping_burst():
    return streams.response(mappings(burst_tokens()))


@app.route("/mapping/paced")
def mapping_paced():
    return streams.response(mappings(paced_tokens()))


def emitted(deltas):
    def send_all(emitter):
        for delta in deltas:
            emitter.send(delta)
        emitter.complete()

    return streams.create(send_all)


@app.route("/emitter/burst")
def emitter_burst():
    return emitted(burst_tokens())


@app.route("/emitter/paced")
def emitter_paced():
    return emitted(paced_tokens())


if __name__ == "__main__":
    address = ("127.0.0.1", int(sys.argv[1]))
    WSGIServer(address, app, backlog=tokens.BACKLOG, log=None).serve_forever()

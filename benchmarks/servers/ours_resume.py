"""flask_llmstream on gevent.pywsgi, with each stream kept for readers who come back."""

from gevent import monkey

monkey.patch_all()

import os  # noqa: E402
import sys  # noqa: E402
from functools import lru_cache  # noqa: E402

import tokens  # noqa: E402
from flask import Flask, request  # noqa: E402
from gevent.pywsgi import WSGIServer  # noqa: E402

from flask_llmstream import LLMStream  # noqa: E402

app = Flask(__name__)
app.config["LLMSTREAM_MAX_STREAMS"] = 0
app.config["LLMSTREAM_RECONNECT"] = "resume"
app.config["LLMSTREAM_REPLAY_URL"] = os.environ.get("REDIS_URL", "memory://")
app.config["LLMSTREAM_REPLAY_MAX_EVENTS"] = 200_000
app.config["LLMSTREAM_REPLAY_MAX_BYTES"] = 64 * 1024 * 1024
streams = LLMStream(app)


@app.route("/burst")
def burst():
    return streams.response(tokens.burst(int(request.args["n"])))


@app.route("/paced")
def paced():
    return streams.response(tokens.paced(int(request.args["n"]), float(request.args["gap"])))


@app.route("/replay")
def replay():
    return streams.attach(kept(request.args["n"]))


@lru_cache(maxsize=None)
def kept(n):
    """The ID of a burst that was read to its end."""
    response = app.test_client().get(f"/burst?n={n}")
    response.get_data()
    return response.headers["X-Stream-ID"]


if __name__ == "__main__":
    address = ("127.0.0.1", int(sys.argv[1]))
    WSGIServer(address, app, backlog=tokens.BACKLOG, log=None).serve_forever()

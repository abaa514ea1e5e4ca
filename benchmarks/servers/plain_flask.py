"""Flask's own way on gevent.pywsgi: a generator of frames as the body of a response."""

from gevent import monkey

monkey.patch_all()

import json  # noqa: E402
import sys  # noqa: E402
from functools import lru_cache  # noqa: E402

import tokens  # noqa: E402
from flask import Flask, Response, request  # noqa: E402
from gevent.pywsgi import WSGIServer  # noqa: E402

BLOCK = 32 * 1024

app = Flask(__name__)
encode = json.JSONEncoder(separators=(",", ":")).encode  # json.dumps would make one per call


def event_stream(deltas):
    def frames():
        for delta in deltas:
            yield f"event: message\ndata: {encode({'ended': False, 'message': delta})}\n\n"

    return Response(frames(), mimetype="text/event-stream")


@app.route("/burst")
def burst():
    return event_stream(tokens.burst(int(request.args["n"])))


@app.route("/replay")
def replay():
    """The bytes of a burst, in blocks of 32 KiB: what the server and the socket can do."""
    return Response(iter(blocks(int(request.args["n"]))), mimetype="text/event-stream")


@lru_cache(maxsize=None)
def blocks(n):
    whole = b"".join(map(str.encode, event_stream(tokens.burst(n)).response))
    return [whole[start : start + BLOCK] for start in range(0, len(whole), BLOCK)]


@app.route("/paced")
def paced():
    return event_stream(tokens.paced(int(request.args["n"]), float(request.args["gap"])))


if __name__ == "__main__":
    address = ("127.0.0.1", int(sys.argv[1]))
    WSGIServer(address, app, backlog=tokens.BACKLOG, log=None).serve_forever()

"""Flask's own way on gevent.pywsgi: a generator of frames as the body of a response."""

from gevent import monkey

monkey.patch_all()

import json  # noqa: E402
import sys  # noqa: E402

import tokens  # noqa: E402
from flask import Flask, Response, request  # noqa: E402
from gevent.pywsgi import WSGIServer  # noqa: E402

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


@app.route("/paced")
def paced():
    return event_stream(tokens.paced(int(request.args["n"]), float(request.args["gap"])))


if __name__ == "__main__":
    address = ("127.0.0.1", int(sys.argv[1]))
    WSGIServer(address, app, backlog=tokens.BACKLOG, log=None).serve_forever()

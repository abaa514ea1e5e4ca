"""One answer that is kept, whose text a test writes: ``python -m tests.live_apps.resuming PORT``.

The views are a site's own: the chat endpoints do the same. Below ``/kept`` are such endpoints, and
one more view of the site's own, whose streams are there.
"""

from gevent import monkey

monkey.patch_all()

import socket  # noqa: E402
import sys  # noqa: E402
from contextlib import suppress  # noqa: E402

from flask import Flask, jsonify, request  # noqa: E402
from gevent.pywsgi import WSGIHandler, WSGIServer  # noqa: E402
from gevent.queue import Queue  # noqa: E402

from flask_llmstream import LLMStream  # noqa: E402

app = Flask(__name__)
app.secret_key = "so that IDs are signed"
streams = LLMStream(app)
app.add_url_rule("/llmstream.js", view_func=streams.browser_client)
written = Queue()
asked = []
made = []
over = []
connections = []


@app.route("/")
def page():
    return "<!doctype html><title>A page</title>"


@app.route("/answers", methods=["GET", "POST"])
def answers():
    return streams.response(answer(), reconnect="resume", heartbeat=0.2)


chat = streams.blueprint("chat", reconnect="resume")


@chat.route("/deep/answers", methods=["GET", "POST"])
def deep_answers():
    return answers()


app.register_blueprint(chat, url_prefix="/kept")


@app.route("/unkept", methods=["POST"])
def unkept():
    return streams.response(answer(), heartbeat=0.2)


@app.route("/held", methods=["POST"])
def held():
    """An answer whose server says nothing until a text is written."""
    written.get()
    return ""


@app.route("/streams/<stream_id>", methods=["GET", "DELETE"])
def kept(stream_id):
    if request.method == "GET":
        return streams.attach(stream_id)
    streams.stop(stream_id)
    return "", 204


def answer():
    made.append(True)
    try:
        yield from iter(written.get, None)
    finally:
        over.append(True)


@app.route("/write", methods=["POST"])
def write():
    """Write the next text of the answer; without text, its end."""
    written.put(request.args["text"] or None)
    return ""


@app.route("/told")
def told():
    """How often an answer was begun and is over, and what browsers asked for."""
    return jsonify(made=len(made), over=len(over), asked=asked)


@app.route("/forget", methods=["POST"])
def forget():
    for noted in (made, over, asked):
        noted.clear()
    while not written.empty():
        written.get()
    return ""


@app.route("/cut", methods=["POST"])
def cut():
    """Cut the connections of all readers."""
    while connections:
        with suppress(OSError):  # over already
            connections.pop().shutdown(socket.SHUT_RDWR)
    return ""


@app.before_request
def note():
    if request.path.startswith(("/answers", "/streams", "/unkept", "/held", "/kept")):
        asked.append(f"{request.method} {request.path.split('/')[1]}")
        connections.append(request.environ["connection"])


class Handler(WSGIHandler):
    def get_environ(self):
        return dict(super().get_environ(), connection=self.socket)


if __name__ == "__main__":
    address = "127.0.0.1", int(sys.argv[1])
    WSGIServer(address, app, log=None, handler_class=Handler).serve_forever()

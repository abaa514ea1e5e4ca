"""Answers whose connections a test cuts: ``python -m tests.live_apps.returning PORT``.

It counts how often each answer is made. No reader can count that.
"""

from gevent import monkey

monkey.patch_all()

import socket  # noqa: E402
import sys  # noqa: E402
from collections import Counter as Counted  # noqa: E402
from collections import defaultdict  # noqa: E402
from contextlib import closing, suppress  # noqa: E402

from flask import Flask, jsonify  # noqa: E402
from gevent.event import Event  # noqa: E402
from gevent.pywsgi import WSGIHandler, WSGIServer  # noqa: E402

from flask_llmstream import Counter, LLMStream, ServerSentEvent  # noqa: E402
from flask_llmstream.formats import EventStreamFormat  # noqa: E402
from flask_llmstream.formats.openai import ChatCompletionChunks  # noqa: E402


class OwnFormat(EventStreamFormat):
    """A site's own format, with the package's opening."""

    def item(self, item):
        return ServerSentEvent(item).encode()

    def ending(self, ending, event_id):
        return ServerSentEvent("over", id=event_id).encode()


KINDS = {
    "message": {},
    "text": {"format": "text"},
    "accept": {"format": "accept"},
    "openai": {"format": lambda event: ChatCompletionChunks("gemma", has_ids=True)},
    "quiet": {"heartbeat": 0, "event": "message"},
    "own": {"format": lambda event: OwnFormat()},
}
"""The kinds of answers: no more than six, because a browser opens six connections."""

app = Flask(__name__)
streams = LLMStream(app, providers={"none": Counter()})
made = Counted()
statuses = defaultdict(list)
connections = []


def once(kind):
    """Ends well."""
    made[kind] += 1
    yield "Once"


def pausing(kind):
    """Is cut in its middle."""
    yield from once(kind)
    Event().wait()


def silent(kind):
    """Is cut before its first event. With ``hold`` that is before its status."""
    made[kind] += 1
    Event().wait()
    yield


COURSES = {"ends": once, "pauses": pausing, "is-silent": silent, "is-held": silent}


@app.route("/")
def page():
    return "<!doctype html><title>A page</title>"


@app.route("/answers/<course>/<kind>", methods=["GET", "POST"])
def answers(course, kind):
    hold = 60 if course == "is-held" else 0
    return streams.response(COURSES[course](kind), hold=hold, **KINDS[kind])


@app.route("/told")
def told():
    """How often each answer was made, and the statuses that its requests got."""
    return jsonify(made=made, statuses=statuses)


@app.route("/forget", methods=["POST"])
def forget():
    made.clear()
    statuses.clear()
    return ""


@app.route("/cut", methods=["POST"])
def cut():
    while connections:
        with suppress(OSError):  # over already
            connections.pop().shutdown(socket.SHUT_RDWR)
    return ""


def noted(wsgi_app):
    """Note the answers' connections and statuses, and let browsers come back after 50 ms. By
    themselves they wait 3 to 5 s."""

    def call(environ, start_response):
        path, _, kind = environ["PATH_INFO"].rpartition("/")
        if not path.startswith("/answers/"):
            return wsgi_app(environ, start_response)
        connections.append(environ["connection"])
        first = []

        def start(status, headers, *exc_info):
            statuses[kind].append(int(status[:3]))
            first.extend([b"retry: 50\n\n"] * status.startswith("200"))
            return start_response(status, headers, *exc_info)

        return hurried(wsgi_app(environ, start), first)

    return call


def hurried(body, first):
    with closing(body):
        for block in body:
            yield b"".join(first) + block
            first.clear()


class Handler(WSGIHandler):
    def get_environ(self):
        return dict(super().get_environ(), connection=self.socket)


if __name__ == "__main__":
    address = "127.0.0.1", int(sys.argv[1])
    WSGIServer(address, noted(app), log=None, handler_class=Handler).serve_forever()

"""Answers for readers, and what each reader asked: ``python -m tests.readers.server PORT``.

A cell of the matrix has a name. All its requests begin with that name: ``/NAME/v1/chat/stream``.
"""

from gevent import monkey

monkey.patch_all()

import pathlib  # noqa: E402
import socket  # noqa: E402
import sys  # noqa: E402
from contextlib import closing, suppress  # noqa: E402
from time import monotonic  # noqa: E402
from urllib.parse import parse_qs  # noqa: E402

from flask import Flask, Response, jsonify, request, send_from_directory  # noqa: E402
from gevent import sleep  # noqa: E402
from gevent.event import Event  # noqa: E402
from gevent.lock import Semaphore  # noqa: E402
from gevent.pywsgi import WSGIHandler, WSGIServer  # noqa: E402

from flask_llmstream import CallableProvider, LLMStream, ProviderError, StreamError  # noqa: E402
from tests.live_apps.texts import said  # noqa: E402
from tests.readers.answers import WORDS  # noqa: E402
from tests.streams.serving import stream_at  # noqa: E402

HEARTBEAT = 0.1
SILENCE = 3 * HEARTBEAT
LATE = b"three"
"""The connection of an answer that is cut breaks behind this word."""
PACKAGES = pathlib.Path(__file__).with_name("node_modules")


def silent(words):
    """Three heartbeats before each word; without heartbeats, their time."""
    for word in words:
        if request.args.get("format") == "ndjson":
            sleep(SILENCE)
        else:
            for _ in range(3):
                request.environ["heartbeats"].acquire()
        yield word


def unending():
    yield from WORDS
    Event().wait()


def never():
    Event().wait()
    yield


def failing():
    yield from WORDS
    sleep(SILENCE)
    raise StreamError("It broke in the middle.", code="broke")


def refused():
    raise ProviderError("Too many for now.", code="busy", status=429, retry_after=1)
    yield


ANSWERS = {
    "silent": lambda: silent(WORDS),
    "cut": unending,
    "cut_early": never,
    "fails": failing,
    "busy": refused,
}


class Cell:
    """What a reader did in one cell of the matrix."""

    def __init__(self):
        self.statuses = []
        self.ids = []
        self.open = 0
        self.changed = monotonic()

    def asked(self, environ):
        query = parse_qs(environ["QUERY_STRING"])
        self.ids.append(environ.get("HTTP_LAST_EVENT_ID") or query.get("lastEventId", [""])[0])
        self.open += 1

    def ended(self):
        self.open -= 1
        self.changed = monotonic()


cells = {}
app = Flask(__name__)
app.config.update(LLMSTREAM_HEARTBEAT=HEARTBEAT, LLMSTREAM_CHAT_HOLD=0.05)
streams = LLMStream(app, providers={"m": CallableProvider(lambda asked: _answer(asked))})


def _answer(asked):
    """One of the answers, or the hard text of that name."""
    word = asked.prompt or asked.messages[-1]["content"]
    return ANSWERS[word]() if word in ANSWERS else said(word)


@app.route("/v1/streams/<path:name>", methods=["GET", "POST"])
def published(name):
    """A stream of ``tests/streams``, once."""
    if len(request.environ["cell"].ids) > 1:
        return "", 204
    return Response(stream_at(name).body, content_type="text/event-stream")


app.add_url_rule("/llmstream.js", view_func=streams.browser_client)


@app.route("/")
def page():
    return "<!doctype html><title>A page</title>"


@app.route("/packages/<path:name>")
def packages(name):
    return send_from_directory(PACKAGES, name)


@app.route("/told/<name>")
def told(name):
    """What came to one cell, and the seconds since its last request ended; 0 while one is open."""
    cell = cells.get(name) or Cell()
    quiet = 0 if cell.open else monotonic() - cell.changed
    return jsonify(statuses=cell.statuses, ids=cell.ids, quiet=quiet)


def noted(wsgi_app):
    """Note a cell's requests, and let an ``EventSource`` come back after 50 ms.

    The time is a line more in the first block. By itself it would be a block of its own.
    """

    def call(environ, start_response):
        name, _, path = environ["PATH_INFO"][1:].partition("/")
        if not path.startswith("v1/"):
            return wsgi_app(environ, start_response)
        cell = cells.setdefault(name, Cell())
        cell.asked(environ)
        first = []

        def start(status, headers, *exc_info):
            cell.statuses.append(int(status[:3]))
            returns = environ["REQUEST_METHOD"] == "GET" and status.startswith("200")
            returns = returns and not path.startswith("v1/streams/")
            first.extend([b"retry: 50\n"] * returns)
            return start_response(status, headers, *exc_info)

        heartbeats = Semaphore(0)
        known = dict(environ, PATH_INFO="/" + path, cell=cell, heartbeats=heartbeats)
        body = heard(wsgi_app(known, start), heartbeats)
        return watched(body, cell, first, name, environ["connection"])

    return call


def heard(body, heartbeats):
    """Tell of each heartbeat that the server has written."""
    with closing(body):
        for block in body:
            yield block
            if block.strip() == b":":
                heartbeats.release()


def watched(body, cell, first, name, connection):
    blocks = 0
    try:
        with closing(body):
            for block in body:
                yield b"".join(first) + block
                first.clear()
                blocks += 1
                early = name.endswith("-cut_early") and blocks == 3
                if early or (name.endswith("-cut") and LATE in block):
                    with suppress(OSError):
                        connection.shutdown(socket.SHUT_RDWR)
    finally:
        cell.ended()


class Handler(WSGIHandler):
    def get_environ(self):
        return dict(super().get_environ(), connection=self.socket)


if __name__ == "__main__":
    address = "127.0.0.1", int(sys.argv[1])
    WSGIServer(address, noted(app), log=None, handler_class=Handler).serve_forever()

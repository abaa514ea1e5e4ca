"""Views that make their event streams by hand, in a live application with the middleware."""

from __future__ import annotations

from flask import Response, jsonify, request, send_file, stream_with_context

from flask_llmstream import EventStreamMiddleware
from tests.live_apps.plain import app, closed, gated

app.wsgi_app = wrapped = EventStreamMiddleware(app.wsgi_app, heartbeat=0.1, send_timeout=0.5)


@app.route("/wrapped/gated")
def by_hand():
    def frames():
        for step in gated():
            yield f"data: {request.path} {step}\n\n"

    return Response(stream_with_context(frames()), mimetype="text/event-stream")


@app.route("/wrapped/flood")
def by_hand_flood():
    def frames():
        try:
            while True:
                yield b"data: %s\n\n" % (b"x" * 65536)
        finally:
            closed.release()

    return Response(frames(), mimetype="text/event-stream")


@app.route("/wrapped/broken")
def broken():
    def frames():
        yield "data: one\n\n"
        raise LookupError("midway")

    return Response(frames(), mimetype="text/event-stream")


@app.route("/wrapped/csv")
def csv():
    def lines():
        for number in range(1000):
            yield f"{number},{request.path}\n"

    return Response(stream_with_context(lines()), mimetype="text/csv")


@app.route("/wrapped/file")
def file():
    return send_file(__file__)


@app.route("/wrapped/taken")
def taken():
    return jsonify(taken=wrapped.taken)


__all__ = ["app"]

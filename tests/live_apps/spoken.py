"""A model behind every protocol, the third party's too, in a monkey-patched process. A test lets
its answers go on, by their names."""

from gevent import monkey

monkey.patch_all()

from collections import defaultdict  # noqa: E402
from threading import Event  # noqa: E402

from flask import Flask, jsonify, request  # noqa: E402

from flask_llmstream import CallableProvider, LLMStream  # noqa: E402
from tests.protocols.spoken import OllamaChat  # noqa: E402

go_on = defaultdict(Event)
closed = defaultdict(Event)


def model(asked):
    """Says a word, is silent until it may go on, and says another."""
    name = asked.prompt or asked.messages[-1]["content"]
    try:
        yield "Hello"
        go_on[name].wait()
        yield " you"
    finally:
        closed[name].set()


app = Flask(__name__)
app.config["LLMSTREAM_HEARTBEAT"] = 0.05
streams = LLMStream(
    app, providers={"model": CallableProvider(model)}, protocols=[OllamaChat()]
)


@app.route("/release/<name>", methods=["POST"])
def release(name):
    go_on[name].set()
    return ""


@app.route("/closed/<name>")
def wait_until_closed(name):
    """Answers when the model was closed, or after ``seconds``."""
    return jsonify(closed=closed[name].wait(float(request.args["seconds"])))


@app.route("/slots")
def slots():
    return jsonify(taken=app.extensions["llmstream"].slots.taken)

"""An application with users whose streams ask a database that has one connection for all."""

from __future__ import annotations

import os
import threading

from flask import Flask, jsonify

from flask_llmstream import LLMStream
from tests.support.accounts import Accounts

app = Flask(__name__)
app.config["SECRET_KEY"] = "for tests"
streams = LLMStream(app)
accounts = Accounts(app, os.environ["DATABASE"])
asked = threading.Event()


@app.route("/users")
@streams.view(format="text", heartbeat=0, reconnect="restart")
def users():
    return count_again(accounts.count())


def count_again(before):
    yield f"{before} before"
    asked.wait()
    yield f"{accounts.count()} later"  # with the connection in hand, which the end gives back


@app.route("/connections")
def connections():
    return jsonify(accounts.connections_in_use())


@app.route("/ask", methods=["POST"])
def ask():
    asked.set()
    return ""

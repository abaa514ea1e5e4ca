"""Streams that end in a given way, in a given format, and streams that Ctrl-C interrupts while they
compute."""

from __future__ import annotations

import os
import signal
import time

from flask import Blueprint, current_app

from flask_llmstream import StreamError

endings = Blueprint("endings", __name__)


@endings.route("/ends/<how>/<format>")
def ends(how, format):
    source, options = ENDINGS[how]
    extension = current_app.extensions["llmstream"].owner()
    return extension.response(source(), format=format, heartbeat=0, **options)


def well():
    yield "half "
    yield "whole"


def fails():
    yield "half "
    time.sleep(0.05)  # so that the answer has begun before it fails
    raise LookupError("the model is gone")


def refuses():
    raise StreamError("closed for today", status=503, retry_after=77)
    yield


def silent():
    """Silent until it is stopped. On a thread, which can't be stopped, it ends after 3 s."""
    yield "half "
    deadline = time.monotonic() + 3
    while time.monotonic() < deadline:
        time.sleep(0.05)
        yield from ()


def gushes():
    yield "half "
    time.sleep(0.05)
    yield from ["x" * 1000] * 100_000


def waits():
    """Gives one item after the other, for a reader who leaves."""
    yield "half "
    while True:
        time.sleep(0.05)
        yield "more "


ENDINGS = {
    "complete": (well, {}),
    "error": (fails, {}),
    "refused": (refuses, {"hold": 9}),
    "timeout": (silent, {"total_timeout": 0.2}),
    "shutdown": (silent, {"max_lifetime": 0.2}),
    "overflow": (gushes, {"overflow": "error", "buffer": 1}),
    "never": (waits, {}),
}
"""The sources and options by the reason of their end; ``never`` does not end by itself."""


# Streams that compute.


@endings.route("/interrupted/<where>")
def interrupted(where):
    """Waits for a moment, so that its opening goes out, then computes until it is interrupted."""
    extension = current_app.extensions["llmstream"].owner()
    on_finish = compute if where == "on_finish" else None
    return extension.response(COMPUTING[where](), on_finish=on_finish)


def compute(*arguments):
    os.kill(os.getpid(), signal.SIGINT)
    while True:
        sum(range(1000))


def computing():
    time.sleep(0.05)
    compute()
    yield


def computing_when_closed():
    try:
        time.sleep(0.05)
        yield "one"
    finally:
        compute()


class Computing(dict):
    """A mapping that computes when it is made JSON."""

    def items(self):
        compute()


def computing_when_encoded():
    time.sleep(0.05)
    yield Computing(one=1)


def ending():
    time.sleep(0.05)
    yield "one"


COMPUTING = {
    "source": computing,
    "closing": computing_when_closed,
    "encoding": computing_when_encoded,
    "on_finish": ending,
}

"""Views for bad days: answers of any size and pace, and sources that misbehave.

A view takes its own numbers from the request's query; the others are the stream's options.
"""

from __future__ import annotations

import os
import threading
import time
from collections import Counter

from flask import Blueprint, current_app, jsonify, request
from gevent._hub_local import get_hub_if_exists

from flask_llmstream import ServerSentEvent, stream_finished

bad_days = Blueprint("bad_days", __name__)
finished: "Counter[str]" = Counter()
"""The number of streams that ended, by reason, and of the departures that were noticed."""


@stream_finished.connect
def count_finished(sender, summary):
    finished[summary.reason] += 1


def count_departed(summary):
    finished["departed"] += 1


def stream(source, *own_numbers, **options):
    """A response for the source, with the options in the request's query."""
    asked = {name: number(name) for name in request.args if name not in own_numbers}
    extension = current_app.extensions["llmstream"].owner()
    return extension.response(source, on_disconnect=count_departed, **options, **asked)


def number(name, default=None):
    """A number in the request's query."""
    return float(request.args.get(name, default))


@bad_days.route("/answer")
def answer():
    """``tokens`` tokens of ``size`` characters, with a ``pause`` in seconds before each."""
    tokens, pause, size = int(number("tokens", 10)), number("pause", 0), int(number("size", 5))
    return stream(paced(tokens, pause, "x" * size), "tokens", "pause", "size")


def paced(tokens, pause, token):
    for _ in range(tokens):
        time.sleep(pause)
        yield token


@bad_days.route("/feed_from")
def feed_from():
    """A number a millisecond, without an end; a reader who comes back gets the next."""
    last = request.headers.get("Last-Event-ID") or 0
    return stream(numbers(int(last)), reconnect="restart")


def numbers(last):
    while True:
        last += 1
        yield ServerSentEvent(str(last), id=str(last))
        time.sleep(0.001)


# Sources that go on step by step, all at the same time.

changed = threading.Condition()
steps = Counter(reached=0, greedy=0)


@bad_days.route("/steps")
def stepping():
    return stream(one_a_step(steps["reached"]))


def one_a_step(step):
    while True:
        step += 1
        with changed:
            changed.wait_for(lambda: steps["reached"] >= step)
        yield f"step {step}"


@bad_days.route("/step", methods=["POST"])
def go_on():
    with changed:
        steps["reached"] += 1
        changed.notify_all()
    return ""


@bad_days.route("/greedy")
def greedy():
    """As many tokens as the reader and the buffers take."""
    return stream(without_end())


def without_end():
    while True:
        steps["greedy"] += 10_000
        yield "x" * 10_000


# Sources that misbehave.


@bad_days.route("/misbehaving/<name>")
def misbehaving(name):
    return stream(MISBEHAVING[name](), "after", "seconds")


def ignores_its_close():
    """Goes on after every exception that is thrown into it."""
    while True:
        try:
            time.sleep(0.02)
            yield "still here"
        except BaseException:
            continue


def fails_in_its_finally():
    try:
        while True:
            time.sleep(0.02)
            yield "fine"
    finally:
        raise LookupError("nothing to clean up")


def takes_its_time_in_its_finally():
    try:
        while True:
            time.sleep(0.02)
            yield "fine"
    finally:
        time.sleep(0.3)


def spins():
    """Waits for ``after`` seconds, then computes for ``seconds`` without waiting."""
    yield "before"
    time.sleep(number("after"))
    until = time.monotonic() + number("seconds")
    while time.monotonic() < until:
        pass
    yield "behind"


def never_yields():
    """Waits until it is released, and ends without an item."""
    with changed:
        changed.wait_for(lambda: steps["released"])
    yield from ()


MISBEHAVING = {
    source.__name__: source
    for source in (
        ignores_its_close,
        fails_in_its_finally,
        takes_its_time_in_its_finally,
        spins,
        never_yields,
    )
}


@bad_days.route("/released", methods=["POST"])
def release():
    with changed:
        steps["released"] = 1
        changed.notify_all()
    return ""


@bad_days.route("/known")
def known():
    """Facts of this process, for tests."""
    hub = get_hub_if_exists()
    return jsonify(
        pid=os.getpid(),
        clocks=[time.time()] if hub is None else [time.time(), hub.loop.now()],
        finished=finished,
        greedy=steps["greedy"],
    )

"""The counter that a Java SseEmitter, a Flowable and a Flux would each stream: 0 to 9."""

from __future__ import annotations

import time
from typing import Iterator

import gevent
from flask import Response

from flask_llmstream import Emitter, LLMStream, StreamClosed, StreamError

from .seats import Seats

MESSAGES, SECONDS = 10, 0.3


def emitted(streams: LLMStream, seats: Seats) -> Response:
    """``new SseEmitter()``, fed from a greenlet, in place of Java's pool of five threads."""
    emitter = streams.emitter()
    gevent.spawn(_count, emitter, seats)
    return emitter.response()


def flowable(streams: LLMStream, seats: Seats) -> Response:
    """``Flowable.create(emitter -> …, BackpressureStrategy.BUFFER)``."""
    return streams.create(lambda emitter: _count(emitter, seats), overflow="buffer")


def flux(streams: LLMStream, seats: Seats) -> Response:
    """``Flux.interval(…).take(10)``: a source that is pulled needs no strategy."""
    return streams.response(_numbers(seats))


def _numbers(seats: Seats) -> Iterator[str]:
    with seats.taken():
        for number in range(MESSAGES):
            yield str(number)
            time.sleep(SECONDS)


def _count(emitter: Emitter, seats: Seats) -> None:
    try:
        for number in _numbers(seats):
            emitter.send(number)
        emitter.complete()
    except StreamClosed:  # the reader has left
        return
    except StreamError as refusal:
        emitter.fail(refusal)

"""The counter that a Java SseEmitter, a Flowable and a Flux would each stream: 0 to 9."""

from __future__ import annotations

import time
from contextlib import suppress
from typing import Iterator

import gevent
from flask import Response

from flask_llmstream import Emitter, LLMStream, StreamClosed

MESSAGES, SECONDS = 10, 0.3


def emitted(streams: LLMStream) -> Response:
    """``new SseEmitter()``, fed from a greenlet, where Java had a pool of five threads."""
    emitter = streams.emitter()
    gevent.spawn(_count, emitter)
    return emitter.response()


def flowable(streams: LLMStream) -> Response:
    """``Flowable.create(emitter -> …, BackpressureStrategy.BUFFER)``."""
    return streams.create(_count, overflow="buffer")


def flux(streams: LLMStream) -> Response:
    """``Flux.interval(…).take(10)``: what is pulled has no need of a strategy."""
    return streams.response(_numbers())


def _numbers() -> Iterator[str]:
    for number in range(MESSAGES):
        yield str(number)
        time.sleep(SECONDS)


def _count(emitter: Emitter) -> None:
    with suppress(StreamClosed):  # the reader has left
        for number in _numbers():
            emitter.send(number)
        emitter.complete()

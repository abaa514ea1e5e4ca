"""The model's server behind the application: it plays the scenes over raw sockets."""

from __future__ import annotations

import json
import threading
import time
from collections import defaultdict
from typing import Any, Dict, Iterator, Mapping

from tests.clients.scenes import Failure, play, scene_of
from tests.support.upstream import (
    CLOSING_HEAD,
    HANG_GUARD,
    LAST_CHUNK,
    Exchange,
    Upstream,
    answer,
)


class Moment:
    """A moment that others wait for."""

    def __init__(self) -> None:
        self._came = threading.Event()

    def is_now(self) -> None:
        self.at = time.monotonic()
        self._came.set()

    def wait(self) -> float:
        assert self._came.wait(HANG_GUARD), "it never came"
        return self.at


class ScriptedModel(Upstream):
    """A server of OpenAI's interface. ``GET …/ended/WORD`` tells when a slow answer was left."""

    def __init__(self) -> None:
        super().__init__(self._obey)
        self._left: Dict[str, Moment] = defaultdict(Moment)

    def _obey(self, exchange: Exchange) -> None:
        _, _, word = exchange.path.rpartition("/ended/")
        if exchange.method == "GET":
            answer(200, json.dumps({"at": self._left[word].wait()}), connection="close")(exchange)
        else:
            self._play(exchange)

    def _play(self, exchange: Exchange) -> None:
        name, word = scene_of(exchange.json)
        if name == "slow":
            exchange.send(CLOSING_HEAD)
            while not exchange.hangs_up_within(0.02):
                exchange.send_event(chunk({"delta": {"content": "word "}}))
            self._left[word].is_now()
        else:
            _stream(exchange)


def _stream(exchange: Exchange) -> None:
    said = play(exchange.json)
    first = next(said)
    if isinstance(first, Failure):
        return _refuse(exchange, first)
    exchange.send(CLOSING_HEAD)
    for item in (first, *said):
        for event in _events(item):
            exchange.send_event(event)
    exchange.send_event("[DONE]")
    exchange.send(LAST_CHUNK)


def _events(said: Any) -> Iterator[Dict[str, Any]]:
    """The token counts come in a chunk of their own, behind the last choice."""
    if isinstance(said, Failure):
        yield {"error": said.error}
        return
    yield chunk(said)
    if "usage" in said:
        yield {**chunk(said), "choices": [], "usage": said["usage"]}


def _refuse(exchange: Exchange, failure: Failure) -> None:
    headers = {"connection": "close"}
    if failure.retry_after:
        headers["retry_after"] = str(failure.retry_after)
    answer(failure.status, json.dumps({"error": failure.error}), **headers)(exchange)


def chunk(said: Mapping[str, Any]) -> Dict[str, Any]:
    """A chunk in OpenAI's form."""
    choice = {"index": 0, "delta": said["delta"], "finish_reason": said.get("finish_reason")}
    if "logprobs" in said:
        choice["logprobs"] = said["logprobs"]
    return {"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1, "model": "m",
            "choices": [choice]}  # fmt: skip

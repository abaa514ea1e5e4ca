"""The application whose answers outlive their connections. Each waits in its middle until a page
lets it go on, and tells how often it was made. The owner of a request is named in a header."""

from __future__ import annotations

from collections import Counter
from typing import Any, Dict, Iterator

from flask import Flask, jsonify
from gevent.event import Event

from flask_llmstream import CallableProvider, LLMStream
from flask_llmstream.deltas import Delta, ToolCallDelta
from flask_llmstream.providers.base import Piece
from flask_llmstream.records import CompletionRequest

HANG_GUARD = 20
USER = "X-User"

made: "Counter[str]" = Counter()
gates: Dict[str, Event] = {}
ended: Dict[str, Event] = {}


def told(request: CompletionRequest) -> Iterator[Piece]:
    """Two words, and three more behind the gate. A question for the weather calls a tool first, and
    ``recall`` tells what was said before."""
    last = request.messages[-1]
    if last["content"] == "weather":
        yield Delta(tool_calls=[ToolCallDelta(0, "call-1", "get_weather", '{"city":"Rome"}')])
        return
    if last["content"] == "recall":
        yield " / ".join(str(message["content"]) for message in request.messages)
        return
    word = str(last["content"])
    made[word] += 1
    try:
        yield from ("one ", "two ")
        gates.setdefault(word, Event()).wait(HANG_GUARD)
        yield from ("three ", "四 ", "five")
    finally:
        ended.setdefault(word, Event()).set()


def owner(request: Any) -> Any:
    return request.headers.get(USER)


app = Flask(__name__)
app.config.update(LLMSTREAM_RECONNECT="resume", LLMSTREAM_OWNER=owner)
streams = LLMStream(app, providers={"told": CallableProvider(told)})


@app.route("/go/<word>", methods=["POST"])
def go(word: str) -> Any:
    gates.setdefault(word, Event()).set()
    return jsonify(made=made[word])


@app.route("/ended/<word>")
def ended_at(word: str) -> Any:
    """Whether an answer has ended, once it has."""
    return jsonify(ended=ended.setdefault(word, Event()).wait(HANG_GUARD))

"""The application that the clients ask: ``own`` is a function of its own, ``relay`` is a model's
server on a real socket (``UPSTREAM``). Both play the same scenes."""

from __future__ import annotations

import os
import time
from typing import Any, Dict, Iterator, Mapping

from flask import Flask, jsonify
from gevent.event import AsyncResult

from flask_llmstream import CallableProvider, LLMStream, OpenAICompatible, RequestError, StreamError
from flask_llmstream.deltas import Delta, ToolCallDelta
from flask_llmstream.providers.base import Piece
from flask_llmstream.records import CompletionRequest, Usage
from tests.clients.scenes import WRONG, Failure, play, scene_of

HANG_GUARD = 20
ended: Dict[str, "AsyncResult[float]"] = {}
"""When each slow answer ended, by the word behind its scene."""


def own(request: CompletionRequest) -> Iterator[Piece]:
    body = {"messages": request.messages, "prompt": request.prompt, **request.options}
    name, word = scene_of(body)
    try:
        for said in play(body):
            if isinstance(said, Failure):
                raise as_exception(said)
            if isinstance(said, float):
                time.sleep(said)
            else:
                yield as_piece(said)
    finally:
        if name == "slow":
            ended.setdefault(word, AsyncResult()).set(time.monotonic())


def as_piece(chunk: Mapping[str, Any]) -> Piece:
    if "finish_reason" in chunk:
        return as_usage(chunk["finish_reason"], chunk["usage"])
    delta = dict(chunk["delta"])
    if delta.keys() == {"content"} and not chunk.get("logprobs"):
        return delta["content"]
    return Delta(
        text=delta.get("content") or "",
        reasoning=delta.get("reasoning_content", ""),
        refusal=delta.get("refusal", ""),
        tool_calls=tuple(map(as_call, delta.get("tool_calls", ()))),
        logprobs=chunk.get("logprobs"),
    )


def as_call(call: Mapping[str, Any]) -> ToolCallDelta:
    function = call["function"]
    return ToolCallDelta(
        call["index"], call.get("id"), function.get("name"), function["arguments"]
    )


def as_usage(finish_reason: str, usage: Mapping[str, Any]) -> Usage:
    return Usage(
        usage["prompt_tokens"],
        usage["completion_tokens"],
        finish_reason,
        cached_tokens=usage["prompt_tokens_details"]["cached_tokens"],
        reasoning_tokens=usage["completion_tokens_details"]["reasoning_tokens"],
    )


def as_exception(failure: Failure) -> StreamError:
    error = failure.error
    if failure is WRONG:
        return RequestError("is not for this model", field=error["param"])
    return StreamError(
        error["message"],
        code=error["code"],
        status=failure.status,
        retry_after=failure.retry_after,
    )


app = Flask(__name__)
streams = LLMStream(
    app,
    providers={
        "own": CallableProvider(own),
        # Without retries: a failure of the model is to be seen, not waited for.
        "relay": OpenAICompatible(os.environ["UPSTREAM"], prompts="chat", retries=0),
    },
)


@app.route("/ended/<word>")
def ended_at(word):
    """The moment at which a slow answer ended, on the machine's clock, once it has."""
    return jsonify(at=ended.setdefault(word, AsyncResult()).get(timeout=HANG_GUARD))

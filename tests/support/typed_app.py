"""An application with type annotations. ``mypy --strict`` checks it, and a test runs it."""

from __future__ import annotations

import operator
from typing import Any, AsyncIterator, Dict, Iterator, List

import reactivex
from flask import Flask, Response, redirect, request
from werkzeug.wrappers import Response as BaseResponse

from flask_llmstream import (
    CallableProvider,
    CompletionRequest,
    Counter,
    Emitter,
    EventStreamMiddleware,
    LLMStream,
    OpenAICompatible,
    Overflow,
    Provider,
    ProviderError,
    ServerSentEvent,
    StreamError,
    Summary,
    Usage,
    stream_finished,
)
from flask_llmstream.providers import Piece


class Shouting(Provider):
    def stream(self, request: CompletionRequest) -> Iterator[Piece]:
        if request.prompt is None:
            raise ProviderError("It hears no conversation.", status=422)
        yield request.prompt.upper()
        yield Usage(prompt_tokens=1, completion_tokens=1)


def echo(request: CompletionRequest) -> Iterator[str]:
    yield from request.prompt or ""


async def slow_echo(request: CompletionRequest) -> AsyncIterator[str]:
    yield request.prompt or ""


app = Flask(__name__)
streams = LLMStream(
    providers={
        "shouting": Shouting(),
        "echo": CallableProvider(echo),
        "slow": CallableProvider(slow_echo),
        "upper": CallableProvider(lambda request: (request.prompt or "").upper()),
        "llama": OpenAICompatible("http://127.0.0.1:11434/v1", model="llama3.2"),
    }
)
streams.init_app(app)
more = streams.blueprint("more", providers={"counter": Counter(3, 0)}, max_streams=5, hold=1)
app.register_blueprint(more, url_prefix="/more")
tokens: List[int] = []


def note(summary: Summary) -> None:
    if summary.usage is not None and summary.usage.completion_tokens is not None:
        tokens.append(summary.usage.completion_tokens)


@app.route("/report/<int:pages>")
@streams.view(format="ndjson", heartbeat=0, total_timeout=60, on_finish=note)
def report(pages: int) -> Iterator[Dict[str, Any]]:
    if pages > 99:
        raise StreamError("That is too long.", code="too_long", status=422, retry_after=60)
    yield {"pages": pages, "left_at": streams.last_event_id}
    yield {"words": Usage(completion_tokens=pages).completion_tokens}


@app.route("/clock")
@streams.view(worker="auto", on_finish=lambda summary: print(summary.reason))
async def clock() -> AsyncIterator[ServerSentEvent]:
    yield ServerSentEvent("tick", event="time", id="1", retry=2000)


@app.route("/words")
def words() -> BaseResponse:
    if "away" in request.args:
        return redirect("/report/1")
    return streams.response(iter("words"), overflow=Overflow.LATEST, coalesce=operator.add)


@app.route("/pushed")
def pushed() -> Response:
    emitter = streams.emitter(buffer=16)

    @emitter.on_completion
    def completed(summary: Summary) -> None:
        note(summary)

    emitter.on_error(lambda error: print(error))
    emitter.send("half", event="progress")
    emitter.complete()
    return emitter.response()


def count(emitter: Emitter) -> None:
    for number in range(emitter.requested):
        emitter.send(str(number))
    emitter.complete()


@app.route("/created")
def created() -> Response:
    return streams.create(count, overflow="latest", buffer=2)


@app.route("/observed")
def observed() -> Response:
    return streams.response(reactivex.of("1", "2"), format="text")


@stream_finished.connect_via(app)
def finished(sender: Flask, summary: Summary) -> None:
    sender.logger.info("%s after %.1f s", summary.reason, summary.seconds)


wrapped = EventStreamMiddleware(app.wsgi_app, heartbeat=10, max_streams=500, overflow="block")

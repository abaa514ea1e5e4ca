"""A model behind ``/v1/ag-ui`` that a question makes say something, and an agent of one's own at
``/agent``, in a monkey-patched process."""

from gevent import monkey

monkey.patch_all()

from threading import Event  # noqa: E402

from flask import Flask, jsonify, request  # noqa: E402

from flask_llmstream import (  # noqa: E402
    CallableProvider,
    Delta,
    LLMStream,
    StreamError,
    ToolCallDelta,
    Usage,
)
from flask_llmstream.formats import AGUIFormat  # noqa: E402

asked = []
closed = Event()


def model(completion):
    asked.append([dict(each) for each in completion.messages])
    last = completion.messages[-1]
    yield from SAYS.get(last["content"], answered)(last["content"])


def answered(content):
    yield Delta(reasoning="I was told. ")
    yield Delta(reasoning="So I tell.")
    yield f"It is {content}\ud83d"
    yield "\ude00."
    yield Usage(prompt_tokens=5, completion_tokens=7, reasoning_tokens=2)


def calls(content):
    yield Delta(reasoning="I look it up.")
    yield "Let me see."
    yield Delta(tool_calls=[ToolCallDelta(0, "call_1", "weather", '{"ci')])
    yield Delta(tool_calls=[ToolCallDelta(1, "call_2", "weather", '{"city":')])
    yield Delta(tool_calls=[ToolCallDelta(0, arguments='ty":"Rome"}')])
    yield Delta(tool_calls=[ToolCallDelta(1, arguments='"Oslo"}')])
    yield Usage(finish_reason="tool_calls")


def busy(content):
    raise StreamError("Too many questions.", code="busy", status=429, retry_after=7)
    yield


def breaks(content):
    yield "It is"
    raise StreamError("The model broke.", code="broke")


def silent(content):
    try:
        yield "It is"
        Event().wait()
    finally:
        closed.set()


SAYS = {"the weather?": calls, "be busy": busy, "break": breaks, "be silent": silent}

app = Flask(__name__)
streams = LLMStream(app, providers={"model": CallableProvider(model)})


@app.route("/agent", methods=["POST"])
def agent():
    run = request.get_json()

    def steps():
        yield {"type": "STEP_STARTED", "stepName": "search"}
        yield {"type": "STATE_SNAPSHOT", "snapshot": {"found": 3}}
        yield "I search."
        yield Delta(tool_calls=[ToolCallDelta(0, "call_1", "search", "{}")])
        yield {
            "type": "TOOL_CALL_RESULT",
            "messageId": "result",
            "toolCallId": "call_1",
            "content": "three",
        }
        yield {"sources": ["a", "b"]}
        yield "There are three."
        yield {"type": "RUN_FINISHED", "result": {"count": 3}}

    return streams.response(steps(), format=AGUIFormat(thread_id=run["threadId"], run_id="r"))


@app.route("/asked")
def what_was_asked():
    return jsonify(asked)


@app.route("/closed")
def wait_until_closed():
    """Answers when the silent model was closed, or after ``seconds``."""
    return jsonify(closed=closed.wait(float(request.args["seconds"])))


@app.route("/slots")
def slots():
    return jsonify(taken=app.extensions["llmstream"].slots.taken)

"""The application that the pages with ``useChat`` ask: the scenes, and views of its own."""

from __future__ import annotations

from greenlet import GreenletExit

from flask_llmstream import Delta, ServerSentEvent, ToolCallDelta
from tests.clients.app import app, streams

CITED = {"type": "url_citation", "url_citation": {"url": "https://example.org", "title": "E"}}


@app.route("/parts", methods=["POST"])
@streams.view(format="ui-message", heartbeat=0.001)
def parts():
    """Each kind of part, and heartbeats between them."""
    yield Delta(reasoning="Hm.")
    yield "Look: "
    yield Delta(annotations=[CITED])
    yield {"type": "file", "mediaType": "image/png", "url": "data:image/png;base64,iVBORw0KGgo="}
    yield {"type": "data-weather", "id": "paris", "data": {"degrees": 20}}
    yield {"type": "data-progress", "data": 0.5, "transient": True}
    yield {"type": "data-weather", "id": "paris", "data": {"degrees": 21}}
    yield ServerSentEvent("half way", event="progress", id="7")
    yield ["an", "item"]
    yield Delta(tool_calls=[ToolCallDelta(0, "call-1", "add", '{"a": ')])
    yield Delta(tool_calls=[ToolCallDelta(0, arguments="1}")])
    yield {"type": "tool-output-available", "toolCallId": "call-1", "output": 3}
    yield {"type": "start-step"}
    yield Delta(tool_calls=[ToolCallDelta(0, "call-1", "add", "{")])
    yield {"type": "source-document", "sourceId": "2", "mediaType": "text/plain", "title": "D"}
    yield {"type": "message-metadata", "messageMetadata": {"by": "a view"}}


@app.route("/cancelled", methods=["POST"])
@streams.view(format="ui-message")
def cancelled():
    yield Delta(reasoning="Hm.")
    yield "Once"
    yield Delta(tool_calls=[ToolCallDelta(0, "call-1", "add", "{}")])
    raise GreenletExit

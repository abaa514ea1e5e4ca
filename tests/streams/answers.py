"""Every way in which this project answers with a text, and how its reader gets the text."""

from __future__ import annotations

import json
from typing import Any, Callable, Dict, List, Mapping, NamedTuple
from urllib.parse import urlencode

from flask_llmstream import EventStreamDecoder
from tests.streams.cases import TEXTS


class Way(NamedTuple):
    """One way to ask the application of ``tests/live_apps/texts.py``.

    :ivar path: with ``NAME`` for the text's name.
    :ivar text: the text of a whole answer.
    :ivar body: of a POST, with ``NAME``; ``None``: a GET.
    :ivar accept: the header ``Accept``.
    :ivar is_bare: whether its text is bare data, in which each line end is LF.
    """

    path: str
    text: Callable[[bytes], str]
    body: Any = None
    accept: str = "*/*"
    is_bare: bool = False

    def request(self, name: str) -> Dict[str, Any]:
        """The request for a text: its method, path, body and headers."""
        headers = {"Accept": self.accept, "Content-Type": "application/json"}
        path = self.path.replace("NAME", name)
        if self.body is None:
            return {"method": "GET", "path": path, "body": None, "headers": headers}
        body = json.dumps(self.body).replace("NAME", name)
        return {"method": "POST", "path": path, "body": body, "headers": headers}

    def expected(self) -> Dict[str, str]:
        """Each text as this way gives it."""
        return {
            name: case.streams["lf"].text if self.is_bare else case.text
            for name, case in TEXTS.items()
        }


# How a reader gets the text.


def events(body: bytes) -> List[Any]:
    return [event for event in EventStreamDecoder().feed(body) if event.event != "opened"]


def of_events(delta: Callable[[Mapping[str, Any]], Any]) -> Callable[[bytes], str]:
    """A reader of events with JSON, each of which may have a delta."""

    def text(body: bytes) -> str:
        data = [event.data for event in events(body) if event.data != "[DONE]"]
        return "".join(delta(json.loads(each)) or "" for each in data)

    return text


def bare_data(body: bytes) -> str:
    return "".join(event.data for event in events(body) if event.event == "message")


def json_lines(body: bytes) -> str:
    said = [json.loads(line) for line in body.split(b"\n") if line]
    return "".join(one if isinstance(one, str) else one.get("message", "") for one in said)


def output_text(body: bytes) -> str:
    """The texts of a response; one that says nothing has none."""
    items = json.loads(body)["output"]
    return "".join(part["text"] for item in items for part in item["content"])


def _choice(said: Mapping[str, Any]) -> Any:
    return (said.get("choices") or [{}])[0]


def _typed(kind: str) -> Callable[[bytes], str]:
    return of_events(lambda said: said["delta"] if said["type"] == kind else "")


def _message(said: Mapping[str, Any]) -> Any:
    return said.get("message")


def _chunk(said: Mapping[str, Any]) -> Any:
    return _choice(said).get("delta", {}).get("content")


def _at(format: str) -> str:
    return "/texts/NAME?" + urlencode({"format": format})


ASKED = [{"role": "user", "content": "NAME"}]
UI_ASKED = [{"id": "1", "role": "user", "parts": [{"type": "text", "text": "NAME"}]}]
STREAM = "/v1/chat/stream?prompt=NAME&format="
CHAT = "/v1/chat/completions"

WAYS: Dict[str, Way] = {
    "message": Way(_at("message"), of_events(_message)),
    "text": Way(_at("text"), bare_data, is_bare=True),
    "ndjson": Way(_at("ndjson"), json_lines),
    "plain": Way(_at("plain"), lambda body: body.decode()),
    "ui-message": Way(_at("ui-message"), _typed("text-delta")),
    "ag-ui": Way(_at("ag-ui"), _typed("TEXT_MESSAGE_CONTENT")),
    "accepted events": Way(_at("accept"), bare_data, None, "text/event-stream", is_bare=True),
    "accepted lines": Way(_at("accept"), json_lines, None, "application/x-ndjson"),
    "accepted text": Way(_at("accept"), lambda body: body.decode(), None, "text/plain"),
    "accepted array": Way(
        _at("accept"), lambda body: "".join(json.loads(body)), None, "application/json"
    ),
    "chat/stream": Way(f"{STREAM}message", of_events(_message)),
    "chat/stream, text": Way(f"{STREAM}text", bare_data, is_bare=True),
    "chat/completions": Way(CHAT, of_events(_chunk), {"messages": ASKED, "stream": True}),
    "chat/completions, whole": Way(
        CHAT,
        lambda body: _choice(json.loads(body))["message"]["content"],
        {"messages": ASKED},
    ),
    "completions": Way(
        "/v1/completions",
        of_events(lambda said: _choice(said).get("text")),
        {"prompt": "NAME", "stream": True},
    ),
    "responses": Way(
        "/v1/responses",
        _typed("response.output_text.delta"),
        {"input": "NAME", "stream": True},
    ),
    "responses, whole": Way(
        "/v1/responses",
        output_text,
        {"input": "NAME"},
    ),
    "chat/ui": Way("/v1/chat/ui", _typed("text-delta"), {"id": "c", "messages": UI_ASKED}),
    "ag-ui, a run": Way(
        "/v1/ag-ui",
        _typed("TEXT_MESSAGE_CONTENT"),
        {"messages": ASKED, "threadId": "t", "runId": "r"},
    ),
}

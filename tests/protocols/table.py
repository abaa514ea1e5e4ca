"""``python -m tests.protocols.table``: the table of ``docs/protocols.md``, of what was answered."""

from __future__ import annotations

import sys
from typing import Any, Iterator, List

from flask import Flask

from flask_llmstream import CallableProvider, LLMStream, StreamError
from tests.matrix.tables import put_into, table
from tests.protocols.spoken import DOCUMENT, PREFIX, SPOKEN, WAYS, OllamaChat, objects

BROKE = "The model broke."
HEAD = ["client asks", "before the first byte", "later", "heartbeats", "limit of tokens"]


def contract() -> str:
    """The table."""
    app = Flask("contract")
    LLMStream(app, providers={"model": CallableProvider(_model)}, protocols=[OllamaChat()])
    return table(HEAD, (list(_row(app, name)) for name in SPOKEN))


def _model(request: Any) -> Iterator[str]:
    if "late" in (request.prompt, request.messages and request.messages[-1]["content"]):
        yield "Hello"
    raise StreamError(BROKE, status=429)


def _row(app: Flask, name: str) -> Iterator[str]:
    protocol = SPOKEN[name]
    yield f"`{protocol.method} {PREFIX}{protocol.rule}`"
    early, late = _answer(app, name, "early"), _answer(app, name, "late")
    yield f"{early.status_code}, {_told(early)}"
    yield f"{late.status_code}, {_told(late)}"
    yield "yes" if late.mimetype == "text/event-stream" else "no"
    yield f"`{protocol.field_names.get('max_tokens', 'max_tokens')}`"


def _answer(app: Flask, name: str, question: str) -> Any:
    asked, method = WAYS[name].ask(question), SPOKEN[name].method
    how = "json" if method == "POST" else "query_string"
    answer = app.test_client().open(PREFIX + SPOKEN[name].rule, method=method, **{how: asked})
    answer.get_data()
    return answer


def _told(answer: Any) -> str:
    """Where the message stands."""
    if answer.mimetype == "text/plain":
        return "the text"
    found = [place for each in objects(answer.data) for place in _places(each) if place]
    return f"`{found[-1]}`"


def _places(value: Any, at: str = "") -> List[str]:
    if value == BROKE:
        return [at]
    inner = value.items() if isinstance(value, dict) else ()
    return [place for key, each in inner for place in _places(each, f"{at}.{key}".strip("."))]


if __name__ == "__main__":
    print(contract(), end="")
    if "--write" in sys.argv[1:]:
        put_into(DOCUMENT, contract())

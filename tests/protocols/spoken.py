"""Every protocol, with the way to ask it for text: one line each. The third party's is among them,
as docs/protocols.md has it."""

from __future__ import annotations

import json
import pathlib
import re
from typing import Any, Callable, Dict, List, NamedTuple, Optional

from flask_llmstream.protocols import PROTOCOLS, Protocol

DOCUMENT = pathlib.Path(__file__).parents[2] / "docs/protocols.md"
PREFIX = "/v1"


def document(word: str) -> Any:
    """The names of the document's block of Python that has this word."""
    blocks = re.findall(r"```python\n(.*?)```", DOCUMENT.read_text("utf-8"), re.DOTALL)
    (block,) = (block for block in blocks if word in block)
    names: Dict[str, Any] = {"__name__": "shown"}
    exec(block, names)
    return names


def third_party() -> Any:
    """The names of the block with a protocol of one's own."""
    return document("OllamaChat")


OllamaChat: Any = third_party()["OllamaChat"]


Read = Callable[[Any], Optional[str]]


class Way(NamedTuple):
    """How a protocol is asked for text, and what its client reads.

    :ivar ask: the body that asks a question, or for a ``GET`` the query.
    :ivar text: the text in one object of the answer; ``None`` where it has none.
    :ivar failure: the message in an object that tells of a failure; ``None`` in any other.
    :ivar end: what is in the answer only where it ended well.
    :ivar words: the words of this protocol alone.
    """

    ask: Callable[[str], Dict[str, Any]]
    text: Read
    failure: Read
    end: str
    words: str


# The questions.


def messages(question: str, **more: Any) -> Dict[str, Any]:
    return {"messages": [{"role": "user", "content": question}], **more}


def streamed(question: str) -> Dict[str, Any]:
    return messages(question, stream=True)


def run(question: str) -> Dict[str, Any]:
    return messages(question, threadId="a thread", runId="a run")


def ui_message(question: str) -> Dict[str, Any]:
    parts = [{"type": "text", "text": question}]
    return {"id": "chat", "messages": [{"id": "1", "role": "user", "parts": parts}]}


def prompt(question: str) -> Dict[str, Any]:
    return {"prompt": question, "stream": True}


def query(question: str) -> Dict[str, Any]:
    return {"prompt": question}


# What is in an object of an answer.


def choice(body: Any) -> Any:
    return (body.get("choices") or [{}])[0]


def chunk_text(body: Any) -> Any:
    return choice(body).get("delta", {}).get("content")


def openai_failure(body: Any) -> Any:
    return body.get("error", {}).get("message")


def responses_failure(body: Any) -> Any:
    failed = body.get("response") or body
    return (failed.get("error") or {}).get("message")


def member(name: str) -> Read:
    return lambda body: body.get(name)


STOP = '"finish_reason":"stop"'
WAYS: Dict[str, Way] = {
    "completions": Way(streamed, chunk_text, openai_failure, STOP, "chat.completion.chunk"),
    "stream": Way(query, member("message"), openai_failure, '"reason":"complete"', '"ended":'),
    "text_completions": Way(
        prompt, lambda body: choice(body).get("text"), openai_failure, STOP, "text_completion"
    ),
    "responses": Way(
        lambda question: {"input": question, "stream": True},
        lambda body: body.get("delta"),
        responses_failure,
        "response.completed",
        "response.created",
    ),
    "ag_ui": Way(run, member("delta"), member("message"), "RUN_FINISHED", "RUN_STARTED"),
    "ui_messages": Way(
        ui_message, member("delta"), member("errorText"), '"type":"finish"', '"type":"start"'
    ),
    "ollama": Way(
        messages,
        lambda body: body.get("message", {}).get("content"),
        member("error"),
        '"done":true',
        '"done":',
    ),
}
"""By the names of the protocols."""

SPOKEN: Dict[str, Protocol] = {each.name: each for each in (*PROTOCOLS, OllamaChat())}
"""The protocols by their names."""


def objects(body: bytes) -> List[Any]:
    """The objects of an answer: of the ``data`` of its events, or of its lines."""
    found = re.findall(r"^(?:data: ?)?(\{.*)$", body.decode(), re.MULTILINE)
    return [json.loads(text) for text in found]


def path(protocol: Protocol) -> str:
    return PREFIX + protocol.rule


def with_option(protocol: Protocol, asked: Dict[str, Any], name: str, value: Any) -> Dict[str, Any]:
    """The same body with an option of a chat completion, by the protocol's own name for it."""
    *outer, last = protocol.field_names.get(name, name).split(".")
    made = inner = json.loads(json.dumps(asked))
    for each in outer:
        inner = inner.setdefault(each, {})
    inner[last] = value
    return made

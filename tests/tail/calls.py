"""Calls of the command in this process, and what servers send it."""

from __future__ import annotations

from typing import Any, NamedTuple

import pytest

from flask_llmstream.__main__ import main
from tests.support.upstream import CLOSING_HEAD, HEAD, LAST_CHUNK, Exchange, Script

STREAM_ID = "s" * 32
KEPT_HEAD = CLOSING_HEAD.replace("\r\n\r\n", f"\r\nX-Stream-ID: {STREAM_ID}\r\n\r\n")


def message(text: str, number: int = 0) -> str:
    """An event of the message format; with a number, one of a stream that is kept."""
    event_id = f"\nid: {STREAM_ID}:{number}" if number else ""
    return f'data: {{"ended":false,"message":"{text}"}}{event_id}\n\n'


def end_with(reason: str = "complete", **members: str) -> str:
    """The last event of the message format, with these members, in JSON."""
    more = "".join(f',"{name}":{value}' for name, value in members.items())
    return f'data: {{"ended":true,"message":"","reason":"{reason}"{more}}}\n\n'


def frames(*parts: "str | bytes", head: str = HEAD) -> Script:
    """Send these, each as a chunk, and end the body."""

    def script(exchange: Exchange) -> None:
        exchange.send(head)
        for part in parts:
            exchange.send_chunk(part)
        exchange.send(LAST_CHUNK)

    return script


def says(*texts: str, reason: str = "complete") -> Script:
    """Send these texts in the message format, and its end."""
    return frames(*map(message, texts), end_with(reason))


class Done(NamedTuple):
    """What a call has left."""

    status: Any
    out: bytes
    err: str


def call(*arguments: str) -> Any:
    """Call the command in this process. Returns its exit status."""
    with pytest.raises(SystemExit) as ended:
        main(["tail", *arguments], prog_name="python -m flask_llmstream")
    return ended.value.code


class Caller:
    """Calls the command in this process, and captures what it prints."""

    def __init__(self, capture: "pytest.CaptureFixture[bytes]") -> None:
        self._capture = capture

    def __call__(self, *arguments: str) -> Done:
        status = call(*arguments)
        out, err = self._capture.readouterr()
        return Done(status, out, err.decode())

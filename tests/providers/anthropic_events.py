"""Events of the Messages API, scripts that send them, and the pieces that are read from them."""

from __future__ import annotations

import json
from typing import Any, Callable, Dict, List, Optional

from flask_llmstream.providers.anthropic_messages.answer import Answer
from flask_llmstream.providers.upstream.part import parse_part
from tests.support.upstream import HEAD, LAST_CHUNK, Exchange

PING = {"type": "ping"}
STOP = {"type": "message_stop"}


def start(**members: Any) -> Dict[str, Any]:
    message = {"id": "msg_1", "type": "message", "role": "assistant", "content": [], "model": "m",
               "stop_reason": None, "stop_sequence": None,
               "usage": {"input_tokens": 9, "output_tokens": 1}}  # fmt: skip
    return {"type": "message_start", "message": {**message, **members}}


def begin(block: Any, index: int = 0) -> Dict[str, Any]:
    return {"type": "content_block_start", "index": index, "content_block": block}


def news(kind: str, index: int = 0, **members: Any) -> Dict[str, Any]:
    return {"type": "content_block_delta", "index": index, "delta": {"type": kind, **members}}


def end(index: int = 0) -> Dict[str, Any]:
    return {"type": "content_block_stop", "index": index}


def last(reason: Optional[str] = "end_turn", output_tokens: int = 7, **delta: Any) -> Any:
    members = {"stop_reason": reason, "stop_sequence": None, **delta}
    usage = {"output_tokens": output_tokens}
    return {"type": "message_delta", "delta": members, "usage": usage}


def text_block(*texts: str, index: int = 0) -> List[Any]:
    deltas = [news("text_delta", index, text=text) for text in texts]
    return [begin({"type": "text", "text": ""}, index), *deltas, end(index)]


def thinking_block(*thoughts: str, signature: str = "sig", index: int = 0) -> List[Any]:
    deltas = [news("thinking_delta", index, thinking=thought) for thought in thoughts]
    signed = news("signature_delta", index, signature=signature)
    block = {"type": "thinking", "thinking": "", "signature": ""}
    return [begin(block, index), *deltas, signed, end(index)]


def tool_block(name: str, *partial: str, index: int = 0, **members: Any) -> List[Any]:
    deltas = [news("input_json_delta", index, partial_json=each) for each in partial]
    block = {"type": "tool_use", "id": f"toolu_{index}", "name": name, "input": {}, **members}
    return [begin(block, index), *deltas, end(index)]


def whole(*blocks: Any, reason: str = "end_turn", **members: Any) -> List[Any]:
    """All events of an answer with these blocks, each a list of events."""
    return [start(**members), PING, *(event for block in blocks for event in block),
            last(reason), STOP]  # fmt: skip


def as_bytes(*events: Any) -> bytes:
    """The events as Anthropic's server sends them."""
    return b"".join(
        f"event: {event['type']}\ndata: {json.dumps(event)}\n\n".encode() for event in events
    )


def sends(*events: Any) -> Callable[[Exchange], None]:
    """A script that sends these events (bytes as they are), and ends the body in good order."""

    def script(exchange: Exchange) -> None:
        exchange.send(HEAD)
        for event in filter(None, events):  # an empty chunk would end the body
            exchange.send_chunk(event if isinstance(event, bytes) else as_bytes(event))
        exchange.send(LAST_CHUNK)

    return script


def read_all(answer: Answer, *events: Any) -> List[Any]:
    """What these events of the answer become."""
    found: List[Any] = []
    for event in events:
        said = answer.read(parse_part(json.dumps(event)))
        found += [said] if isinstance(said, str) else said
    return [piece for piece in found if piece != ""]


def pieces(*events: Any) -> List[Any]:
    """What the events of one answer become."""
    return read_all(Answer(), *events)

"""Parts of answers in OpenAI's form, and the pieces that are read from them."""

from __future__ import annotations

import json
from typing import Any, Dict, List, Optional

from flask_llmstream.deltas import Delta
from flask_llmstream.providers.openai.answer import Answer
from flask_llmstream.providers.upstream.part import parse_part


def part(
    delta: Any = None, finish_reason: Optional[str] = None, choice: Any = None, **more: Any
) -> Dict[str, Any]:
    """One part of a stream.

    :param choice: more members of the choice.
    :param more: more members of the part.
    """
    first = {"index": 0, "delta": delta or {}, "finish_reason": finish_reason, **(choice or {})}
    return {"id": "c", "object": "chat.completion.chunk", "model": "m", "choices": [first], **more}


def whole(message: Dict[str, Any], **more: Any) -> Dict[str, Any]:
    """An answer that is not streamed."""
    choice = {"index": 0, "message": message, "finish_reason": "stop"}
    return {"id": "c", "object": "chat.completion", "model": "m", "choices": [choice], **more}


def read_all(answer: Answer, *parts: Any) -> List[Any]:
    """What these parts of the answer become."""
    found: List[Any] = []
    for each in parts:
        news = answer.read(parse_part(json.dumps(each)))
        found += [news] if isinstance(news, str) else news
    return [piece for piece in found if piece != ""]


def pieces(*parts: Any) -> List[Any]:
    """What the parts of one answer become."""
    return read_all(Answer(), *parts)


def delta_of(*parts: Any) -> Delta:
    """The one piece that the parts become, which is no text alone."""
    (piece,) = pieces(*parts)
    assert isinstance(piece, Delta)
    return piece


def text_of(*parts: Any) -> str:
    """The text in all pieces."""
    found = pieces(*parts)
    return "".join(piece if isinstance(piece, str) else piece.text for piece in found)

"""Parts of answers in OpenAI's form, and the pieces that are read from them."""

from __future__ import annotations

from copy import deepcopy
from typing import Any, Dict, List, Optional

from flask_llmstream.deltas import Delta
from flask_llmstream.providers.openai_answer import Answer


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


def pieces(*parts: Any) -> List[Any]:
    """What the parts of one answer become."""
    answer, found = Answer(), []
    for each in parts:
        news = answer.read(deepcopy(each))
        found += [news] if isinstance(news, str) else news
    return [piece for piece in found if piece != ""]


def delta_of(*parts: Any) -> Delta:
    """The one piece that the parts become, which is no text alone."""
    (piece,) = pieces(*parts)
    assert isinstance(piece, Delta)
    return piece


def text_of(*parts: Any) -> str:
    """The text in all pieces."""
    found = pieces(*parts)
    return "".join(piece if isinstance(piece, str) else piece.text for piece in found)

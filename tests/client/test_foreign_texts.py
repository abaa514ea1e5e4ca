"""``EventSource`` gives the text that another server cuts where it likes."""

from __future__ import annotations

import json
from typing import Any, Iterable, List

import pytest

from flask_llmstream import EventSource
from tests.client.canned import Canned, session_of
from tests.streams.cases import TEXTS, TextCase

EACH = pytest.mark.parametrize("case", TEXTS.values(), ids=lambda case: case.name)


def chunks(tokens: Iterable[str], ensure_ascii: bool) -> bytes:
    """Chunks in OpenAI's form."""
    choices = [{"index": 0, "delta": {"content": token}} for token in tokens]
    choices += [{"index": 0, "delta": {}, "finish_reason": "stop"}]
    data = [json.dumps({"choices": [one]}, ensure_ascii=ensure_ascii) for one in choices]
    return "".join(f"data: {one}\n\n" for one in [*data, "[DONE]"]).encode()


def pieces_of(body: Any) -> List[str]:
    session = session_of(Canned(body, content_type="text/event-stream"))
    with EventSource("http://site.test/", json={}, session=session) as source:
        return list(source.text())


@EACH
def test_escaped_and_cut_at_every_byte(case: TextCase) -> None:
    body = chunks(case.tokens, ensure_ascii=True)
    pieces = pieces_of([body[at:at + 1] for at in range(len(body))])
    assert "".join(pieces) == case.text
    assert all(piece.encode() for piece in pieces)


@EACH
def test_without_escapes(case: TextCase) -> None:
    assert "".join(pieces_of(chunks([case.text], ensure_ascii=False))) == case.text

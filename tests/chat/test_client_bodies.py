"""What clients send is taken, and reaches the model member by member."""

from __future__ import annotations

from typing import Any

import pytest

from flask_llmstream import CallableProvider, LLMStream
from tests.chat.client_bodies import BODIES

_ANSWERED_HERE = ("model", "messages", "stream", "stream_options", "n")
_NOTHING = {"stop": [[]], "tools": [[]], "max_tokens": [-1, 0]}
"""The values that ask for nothing. They are left out, as some servers refuse them."""


@pytest.mark.parametrize("client", BODIES)
def test_what_a_client_sends_reaches_the_model(make_app: Any, client: str) -> None:
    requests = []
    model = CallableProvider(lambda request: requests.append(request) or "Sunny")
    app = make_app(LLMStream(providers={"m": model}))
    body = BODIES[client]
    answer = app.test_client().post("/v1/chat/completions", json=body)
    assert answer.status_code == 200, answer.data
    assert b"Sunny" in answer.data
    (request,) = requests
    assert list(request.messages) == body["messages"]
    assert request.options == {
        name: value
        for name, value in body.items()
        if name not in _ANSWERED_HERE and value not in [None, *_NOTHING.get(name, ())]
    }


def test_there_are_many() -> None:
    assert len(BODIES) > 50

"""Requests for providers, and helpers that send them."""

from __future__ import annotations

import threading
from typing import Any, List

import pytest

from flask_llmstream.errors import ProviderError
from flask_llmstream.providers import Provider
from flask_llmstream.records import CompletionRequest
from tests.support.upstream import HANG_GUARD

PROMPT = CompletionRequest("gemma", prompt="The sea is")
CHAT = CompletionRequest("gemma", messages=({"role": "user", "content": "Hello"},))


def ask(provider: Provider, request: CompletionRequest = PROMPT) -> List[Any]:
    """The whole answer."""
    return list(provider.stream(request))


def failure(provider: Provider, request: CompletionRequest = PROMPT) -> ProviderError:
    """The error that ends the answer."""
    with pytest.raises(ProviderError) as caught:
        ask(provider, request)
    try:
        return caught.value
    finally:
        del caught  # it refers to this frame: a cycle, with all that the call has open


def code_at_abort(deltas: Any, waits: threading.Event) -> str:
    """The code of the error that ends these deltas, where they are aborted from another thread.

    :param waits: is set when the reader waits.
    """
    codes: List[str] = []

    def read() -> None:
        with pytest.raises(ProviderError) as caught:
            list(deltas)
        codes.append(caught.value.code)

    reading = threading.Thread(target=read, daemon=True)
    reading.start()
    assert waits.wait(HANG_GUARD)
    deltas.abort()
    reading.join(HANG_GUARD)
    (code,) = codes
    return code

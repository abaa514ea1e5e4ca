"""Requests for providers, and helpers that send them."""

from __future__ import annotations

from typing import Any, List

import pytest

from flask_llmstream.errors import ProviderError
from flask_llmstream.providers import Provider
from flask_llmstream.records import CompletionRequest

PROMPT = CompletionRequest("gemma", prompt="The sea is")
CHAT = CompletionRequest("gemma", messages=({"role": "user", "content": "Hello"},))


def ask(provider: Provider, request: CompletionRequest = PROMPT) -> List[Any]:
    """The whole answer."""
    return list(provider.stream(request))


def failure(provider: Provider, request: CompletionRequest = PROMPT) -> ProviderError:
    """The error that ends the answer."""
    with pytest.raises(ProviderError) as caught:
        ask(provider, request)
    return caught.value

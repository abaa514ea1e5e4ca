"""The models: what a delta may be, one interface for all, and one file for each kind."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any, List

from .base import Deltas, Piece, Provider
from .callable import CallableProvider
from .counter import Counter
from .router import Router

# ``import flask_llmstream`` must not import requests, which few applications need.
_LOADED_WHEN_ASKED_FOR = {"Anthropic": ".anthropic", "OpenAICompatible": ".openai_compatible"}

if TYPE_CHECKING:
    from .anthropic import Anthropic
    from .openai_compatible import OpenAICompatible
else:  # a type checker that saw __getattr__ would accept any name

    def __getattr__(name: str) -> Any:
        if name in _LOADED_WHEN_ASKED_FOR:
            return getattr(import_module(_LOADED_WHEN_ASKED_FOR[name], __name__), name)
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


__all__ = [
    "Anthropic",
    "CallableProvider",
    "Counter",
    "Deltas",
    "OpenAICompatible",
    "Piece",
    "Provider",
    "Router",
]


def __dir__() -> List[str]:
    return sorted([*globals(), *_LOADED_WHEN_ASKED_FOR])

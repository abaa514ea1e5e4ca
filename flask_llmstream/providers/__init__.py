"""The models: what a delta may be, one interface for all, and one file for each kind."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, List

from .base import Deltas, Piece, Provider
from .callable import CallableProvider
from .counter import Counter
from .router import Router

if TYPE_CHECKING:
    from .openai_compatible import OpenAICompatible
else:  # a type checker that saw __getattr__ would accept any name

    def __getattr__(name: str) -> Any:
        # ``import flask_llmstream`` must not import requests, which few applications need.
        if name == "OpenAICompatible":
            from .openai_compatible import OpenAICompatible

            return OpenAICompatible
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


__all__ = [
    "CallableProvider",
    "Counter",
    "Deltas",
    "OpenAICompatible",
    "Piece",
    "Provider",
    "Router",
]


def __dir__() -> List[str]:
    return sorted([*globals(), "OpenAICompatible"])

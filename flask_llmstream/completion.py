"""What goes into a model and what it reports at the end: ``CompletionRequest`` and ``Usage``.

Ground floor: standard library only, no I/O.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from operator import index
from typing import Any, Mapping, Optional, Tuple

MOST_TOKENS = 2**53
"""The highest count: what JSON's readers can hold as a whole number."""


@dataclass(frozen=True)
class Usage:
    """What an answer cost, as the model's server counted it; a provider yields it last.

    :param prompt_tokens: tokens read, ``None`` where nobody counted.
    :param completion_tokens: tokens written, ``None`` where nobody counted.
    :param finish_reason: why the model stopped: ``stop``, ``length``, or its server's own word.
    :raises ValueError: a count that is no whole number from 0 to 2**53, which is what JSON's
        readers can hold, or a reason that is no text.
    """

    prompt_tokens: Optional[int] = None
    completion_tokens: Optional[int] = None
    finish_reason: str = "stop"

    def __post_init__(self) -> None:
        for name in ("prompt_tokens", "completion_tokens"):
            count = getattr(self, name)
            if count is not None:
                object.__setattr__(self, name, _checked_count(name, count))
        reason: Any = self.finish_reason
        if not isinstance(reason, str):
            raise ValueError(f"finish_reason: has to be text, not {type(reason).__name__}")


def _checked_count(name: str, count: Any) -> int:
    try:
        number = index(count)  # of a tokenizer's own kind of integer, too
    except TypeError:
        raise ValueError(f"{name}: has to be a number, not {type(count).__name__}") from None
    if not 0 <= number <= MOST_TOKENS:
        raise ValueError(f"{name}: has to be from 0 to 2**53")
    return int(number)


@dataclass(frozen=True)
class CompletionRequest:
    """One request to a model, checked, the same for every provider.

    :param model: the registered name of the model.
    :param prompt: the text to continue; ``None`` where ``messages`` are given.
    :param messages: a conversation in OpenAI's form (mappings with ``role`` and ``content``).
    :param options: the model's parameters that the client set (``temperature``, ``max_tokens``,
        ``stop`` …), as they came.
    """

    model: str
    prompt: Optional[str] = None
    messages: Tuple[Mapping[str, Any], ...] = ()
    options: Mapping[str, Any] = field(default_factory=dict)

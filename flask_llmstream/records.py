"""What goes into a model and what it reports at the end: ``CompletionRequest`` and ``Usage``.

Ground floor: standard library only, no I/O.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from operator import index
from typing import Any, Dict, List, Mapping, Optional, Tuple

TOKEN_LIMITS = ("max_tokens", "max_completion_tokens", "max_output_tokens", "max_new_tokens",
                "n_predict", "num_predict")  # fmt: skip
"""What servers call the most tokens that an answer may have; the first is known by most."""

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
        ``stop`` …), as they came, but for what asks for more tokens than ``max_tokens``.
    :param max_tokens: the most tokens that the answer may have, whatever was asked for; ``None``:
        as many as the model writes.
    """

    model: str
    prompt: Optional[str] = None
    messages: Tuple[Mapping[str, Any], ...] = ()
    options: Mapping[str, Any] = field(default_factory=dict)
    max_tokens: Optional[int] = None


def capped(options: Mapping[str, Any], most: int, name: str) -> Dict[str, Any]:
    """Options with one limit of tokens: by the name that a server is said to know it by, and as
    ``max_tokens``, which nearly all do.

    But for ``max_completion_tokens``: the models of OpenAI's that want it refuse the two together.
    What is no number above 0 is no limit: llama.cpp takes -1 for as many as there are.
    """
    said: List[Any] = [options.get(each) for each in TOKEN_LIMITS]
    limit = min([most, *filter(_is_limit, said)])
    rest = {each: value for each, value in options.items() if each not in TOKEN_LIMITS}
    names = {name} if name == "max_completion_tokens" else {TOKEN_LIMITS[0], name}
    return {**rest, **dict.fromkeys(names, limit)}


def _is_limit(said: Any) -> bool:
    return isinstance(said, (int, float)) and not isinstance(said, bool) and said > 0

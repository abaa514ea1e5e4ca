"""What goes into a model and what it reports at the end: ``CompletionRequest`` and ``Usage``.

Ground floor: standard library only, no I/O.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Mapping, Optional, Tuple


@dataclass(frozen=True)
class Usage:
    """What an answer cost, as the model's server counted it; a provider yields it last.

    :param prompt_tokens: tokens read, ``None`` where nobody counted.
    :param completion_tokens: tokens written, ``None`` where nobody counted.
    :param finish_reason: why the model stopped: ``stop``, ``length``, or its server's own word.
    """

    prompt_tokens: Optional[int] = None
    completion_tokens: Optional[int] = None
    finish_reason: str = "stop"


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

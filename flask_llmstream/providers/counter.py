"""``Counter``: a model that counts. It needs no server, and shows whether streaming works."""

from __future__ import annotations

import math
import threading
from typing import Generator, Iterable

from ..errors import ConfigurationError, ProviderError
from ..records import CompletionRequest, Usage
from .abortable_deltas import AbortableDeltas
from .base import Piece, Provider


class Counter(Provider):
    """Counts from ``"0"``, whatever the messages say. The first number comes at once.

    It refuses a request for something other than text: tools, log probabilities, JSON, audio.

    :param messages: the count of numbers. Default: 10.
    :param interval: seconds between two numbers. Default: 1.
    :raises ConfigurationError: ``messages`` or ``interval`` is below 0, or is not a number.
    """

    refuses = {
        "tools": "the counter only counts, and calls no tools; name another model",
        "functions": "the counter only counts, and calls no functions; name another model",
        "response_format": "the counter only counts, and writes no JSON; name another model",
        "logprobs": "the counter only counts, and has no probabilities; name another model",
        "modalities": "the counter only counts, in text; name another model",
    }

    def __init__(self, messages: int = 10, interval: float = 1.0) -> None:
        if not isinstance(messages, int) or messages < 0:
            raise ConfigurationError(f"messages: has to be a number from 0, not {messages!r}")
        if not isinstance(interval, (int, float)) or not 0 <= interval < math.inf:
            raise ConfigurationError(f"interval: has to be seconds from 0, not {interval!r}")
        self.messages = messages
        self.interval = interval

    def stream(self, request: CompletionRequest) -> Iterable[Piece]:
        """Begin one count."""
        stopped = threading.Event()
        return AbortableDeltas(_count(self.messages, self.interval, stopped), stopped.set)


def _count(
    messages: int, interval: float, stopped: threading.Event
) -> Generator[Piece, None, None]:
    for number in range(messages):
        if stopped.wait(interval if number else 0):
            raise ProviderError("The count was stopped.", code="aborted")
        yield str(number)
    yield Usage(prompt_tokens=0, completion_tokens=messages)

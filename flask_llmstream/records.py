"""The plain values that rooms hand to each other.

Ground floor: standard library only, no I/O.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from operator import index
from typing import Any, Dict, List, Mapping, NamedTuple, Optional, Tuple

TOKEN_LIMITS = ("max_tokens", "max_completion_tokens", "max_output_tokens", "max_new_tokens",
                "n_predict", "num_predict")  # fmt: skip
"""What servers call the most tokens that an answer may have; the first is known by most."""

MAX_TEXT = 1_000_000
"""How many characters of an answer its summary keeps."""

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


@dataclass(frozen=True)
class ErrorInfo:
    """The class of a failure, in words for a person, and an ID to find it by in the log.

    :param field: the part of the request that is wrong, if it is one.
    :param status: the HTTP status, where none has been sent yet.
    :param retry_after: seconds, sent as ``Retry-After``.
    :param retry: a reader's reconnection time in milliseconds, sent with the error's event.
    """

    code: str
    message: str
    id: str
    status: int = 500
    retry_after: Optional[int] = None
    field: Optional[str] = None
    retry: Optional[int] = None

    def as_json(self) -> Dict[str, Any]:
        """The ``error`` object of an answer or an event."""
        body = {"code": self.code, "message": self.message, "id": self.id}
        return body if self.field is None else dict(body, field=self.field)


class Ending(NamedTuple):
    """How a stream ended well: ``complete`` or ``cancelled``, and what it cost if told."""

    reason: str
    usage: Optional[Usage] = None


class Gap(NamedTuple):
    """Items in a row that the reader lost for want of room.

    :ivar lost: how many.
    :ivar first_id: the event ID of the first of them that had one; ``None`` where none had.
    :ivar last_id: the event ID of the last of them that had one.
    """

    lost: int
    first_id: Optional[str] = None
    last_id: Optional[str] = None

    def as_json(self) -> Dict[str, Any]:
        """What a reader is told, without what there is not."""
        return {name: value for name, value in self._asdict().items() if value is not None}


class Summary(NamedTuple):
    """What a stream was, told once at its end.

    :ivar id: the stream's.
    :ivar reason: ``complete``, ``error``, ``timeout``, ``disconnect``, ``cancelled``,
        ``overflow`` or ``shutdown``.
    :ivar items: how many items the producer sent.
    :ivar lost: how many of them the reader never got for want of room; the overflow strategy
        chose so.
    :ivar bytes: how many bytes the others were. Neither here nor in ``text`` is what waits in the
        slot of ``latest`` at the producer's end: it becomes bytes when the reader comes to it.
    :ivar first_event_seconds: from the start to the first frame sent, ``None`` without one.
    :ivar seconds: from the start to the producer's end.
    :ivar usage: what the model's server counted, ``None`` where nobody did.
    :ivar text: the text deltas, joined; at most :data:`MAX_TEXT` characters, and ``""`` where
        nobody asked (no ``on_finish``).
    :ivar failure: what the client was told, ``None`` after a good end.
    :ivar error: the exception behind it, if there was one.
    """

    id: str
    reason: str
    items: int
    lost: int
    bytes: int
    first_event_seconds: Optional[float]
    seconds: float
    usage: Optional[Usage]
    text: str
    failure: Optional[ErrorInfo]
    error: Optional[BaseException]


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

"""The plain values that rooms hand to each other. Standard library only, no I/O.

In the order of a stream's life: the request to a model, what the answer cost, how it failed or
ended, which items its reader lost, and the summary of all that.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from operator import index
from types import MappingProxyType
from typing import Any, Dict, Mapping, NamedTuple, Optional, Tuple

TOKEN_LIMITS = ("max_tokens", "max_completion_tokens", "max_output_tokens", "max_new_tokens",
                "n_predict", "num_predict")  # fmt: skip
"""The options by which servers limit the tokens of an answer. Most servers know the first."""

MOST_TOKENS = 2**53
"""The highest token count: readers of JSON can hold whole numbers up to this."""

MAX_TEXT = 1_000_000
"""The most characters of an answer that its summary keeps."""


@dataclass(frozen=True)
class CompletionRequest:
    """One request to a model, checked, the same for every provider.

    :param model: the registered name of the model; ``""`` for the provider's own.
    :param prompt: the text to answer or to continue; ``None`` where ``messages`` are given.
    :param messages: a conversation in OpenAI's form (mappings with ``role`` and ``content``).
    :param options: the other fields of the client's request (``temperature``, ``tools``,
        ``response_format`` …), unchanged, except that no limit of tokens is higher than
        ``max_tokens``.
    :param max_tokens: the most tokens that the answer may have, whatever the client asked for.
        ``None``: as many as the model writes.
    :raises ValueError: a field has another type; the message names it.
    """

    model: str = ""
    prompt: Optional[str] = None
    messages: Tuple[Mapping[str, Any], ...] = ()
    options: Mapping[str, Any] = field(default_factory=dict)
    max_tokens: Optional[int] = None

    def __post_init__(self) -> None:
        _check(isinstance(self.model, str), "model: has to be text", self.model)
        is_text = self.prompt is None or isinstance(self.prompt, str)
        _check(is_text, "prompt: has to be text", self.prompt)
        are_messages = isinstance(self.messages, (list, tuple))
        _check(are_messages, "messages: has to be a list of mappings", self.messages)
        _check(isinstance(self.options, Mapping), "options: has to be a mapping", self.options)
        most: Any = self.max_tokens
        is_limit = most is None or (type(most) is int and most > 0)
        _check(is_limit, "max_tokens: has to be a whole number from 1, or None", most)


def _check(is_right: bool, wanted: str, value: Any) -> None:
    if not is_right:
        raise ValueError(f"{wanted}, not {value!r:.60}")


@dataclass(frozen=True)
class Usage:
    """What an answer cost, as the model's server counted it. A provider yields it last.

    :param prompt_tokens: tokens read; ``None`` where the server did not count.
    :param completion_tokens: tokens written; ``None`` where the server did not count.
    :param finish_reason: why the model stopped: ``stop``, ``length``, ``tool_calls``, or its
        server's own word.
    :param cached_tokens: the tokens read that came from a cache; ``None`` where nobody counted.
    :param reasoning_tokens: the tokens written that were reasoning; ``None`` where nobody counted.
    :param extra: other members of the ``usage`` that the model's server sent.
    :raises ValueError: a count is no whole number from 0 to 2**53, the highest that readers of
        JSON can hold; or the reason is no text, or ``extra`` no mapping.
    """

    prompt_tokens: Optional[int] = None
    completion_tokens: Optional[int] = None
    finish_reason: str = "stop"
    cached_tokens: Optional[int] = None
    reasoning_tokens: Optional[int] = None
    extra: Mapping[str, Any] = field(default_factory=dict, hash=False)

    def __post_init__(self) -> None:
        for name in ("prompt_tokens", "completion_tokens", "cached_tokens", "reasoning_tokens"):
            count = getattr(self, name)
            if count is not None:
                object.__setattr__(self, name, _checked_count(name, count))
        reason: Any = self.finish_reason
        if not isinstance(reason, str):
            raise ValueError(f"finish_reason: has to be text, not {type(reason).__name__}")
        if not isinstance(self.extra, Mapping):
            raise ValueError(f"extra: has to be a mapping, not {type(self.extra).__name__}")


def _checked_count(name: str, count: Any) -> int:
    try:
        number = index(count)  # also of a tokenizer's own integer type
    except TypeError:
        raise ValueError(f"{name}: has to be a number, not {type(count).__name__}") from None
    if not 0 <= number <= MOST_TOKENS:
        raise ValueError(f"{name}: has to be from 0 to 2**53")
    return int(number)


@dataclass(frozen=True)
class ErrorInfo:
    """A failure, as it is told to a client.

    :param code: the class of failure, a stable word for programs.
    :param message: one sentence for a person.
    :param id: an ID that is in the log too.
    :param status: the HTTP status, used where none has been sent yet.
    :param retry_after: seconds until another try makes sense; sent as ``Retry-After``.
    :param field: the part of the request that is wrong, if one is; sent as ``param``, too.
    :param retry: a reader's reconnection time in milliseconds, sent with the error's event.
    """

    code: str
    message: str
    id: str
    status: int = 500
    retry_after: Optional[int] = None
    field: Optional[str] = None
    retry: Optional[int] = None

    @property
    def type(self) -> str:
        """The kind of failure in OpenAI's words, which the status decides."""
        other = "server_error" if self.status >= 500 else "invalid_request_error"
        return _ERROR_TYPES.get(self.status, other)

    def as_json(self) -> Dict[str, Any]:
        """The ``error`` object of an answer or an event: OpenAI's members, and ours beside them."""
        body: Dict[str, Any] = {
            "message": self.message,
            "type": self.type,
            "param": self.field,
            "code": self.code,
            "id": self.id,
        }
        return body if self.field is None else dict(body, field=self.field)


_ERROR_TYPES = {
    401: "authentication_error",
    403: "permission_error",
    404: "not_found_error",
    429: "rate_limit_error",
}
"""The ``type`` of an error by its status. Any other 4xx and 5xx has the type of its class."""


class Ending(NamedTuple):
    """The good end of a stream.

    :ivar reason: ``complete`` or ``cancelled``.
    :ivar usage: what the answer cost; ``None`` where its source did not yield a :class:`Usage`.
    """

    reason: str
    usage: Optional[Usage] = None


class Gap(NamedTuple):
    """Items in a row that the reader lost for want of room.

    :ivar lost: the number of items.
    :ivar first_id: the event ID of the first lost item that had one; ``None`` where none had one.
    :ivar last_id: the event ID of the last lost item that had one.
    """

    lost: int
    first_id: Optional[str] = None
    last_id: Optional[str] = None

    def as_json(self) -> Dict[str, Any]:
        """The object that is sent to the reader. It leaves out the fields that are ``None``."""
        return {name: value for name, value in self._asdict().items() if value is not None}


class Summary(NamedTuple):
    """What happened in one stream. It is made once, at the stream's end.

    :ivar id: the stream's ID.
    :ivar reason: ``complete``, ``error``, ``timeout``, ``disconnect``, ``cancelled``,
        ``overflow`` or ``shutdown``.
    :ivar items: the number of items that the producer sent.
    :ivar lost: the number of these that the reader never got: there was no room, and the overflow
        strategy dropped them.
    :ivar bytes: the bytes of all other items. With ``latest``, an item that still waits at the
        producer's end is not counted, nor is it part of ``text``: it is not encoded yet.
    :ivar first_event_seconds: from the start to the first frame sent; ``None`` without one.
    :ivar seconds: from the start to the producer's end.
    :ivar usage: what the model's server counted; ``None`` where it did not count.
    :ivar text: the text deltas, joined; at most 1,000,000 characters. ``""`` where there is no
        ``on_finish``.
    :ivar failure: the failure as the client got it; ``None`` after a good end.
    :ivar error: the exception behind the failure, if there was one.
    :ivar left_out: how many deltas said something that the format does not show, by the name of
        the field of :class:`~flask_llmstream.deltas.Delta`.
    :ivar model: the name of the model that its source chose, as a ``Router`` does; ``None`` where
        the source says none.
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
    left_out: Mapping[str, int] = MappingProxyType({})
    model: Optional[str] = None

"""``Limits``: how much one chat request may bring, by what of it is passed on to a model's server.

Ground floor: standard library only, no I/O. A request is passed on as JSON made anew, which may be
longer than what came (``1e5``, half of a character), and which not all that can be read can become.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Dict, Iterable, List, Mapping

from ..errors import RequestError, RequestTooLarge
from ..records import TOKEN_LIMITS
from ..sse.json import json_bytes

DEEPEST = 128
"""Lists and objects in each other: what serde takes, and so many a model's server. It leaves room
for any encoder, wherever that is called."""

_HOLDERS = (list, dict)
_LONGEST_NUMBER = 1000
"""Digits. Python takes quadratic time for them, and newer ones refuse to write some thousands."""


@dataclass(frozen=True)
class Limits:
    """What one request may bring.

    :param prompt_chars: the characters of a prompt, or of the messages and whatever else of it
        is text, a list or an object, as JSON.
    :param body_bytes: the bytes of all of it, as JSON.
    :param tokens: the most that an answer may have; 0: as many as its model writes.
    """

    prompt_chars: int
    body_bytes: int = 1024 * 1024
    tokens: int = 0

    def check(self, fields: Mapping[str, Any]) -> None:
        """Check that fields can be passed on, and are not too much.

        :raises RequestError: one is nested too deeply, holds a number that JSON hasn't, or is too
            long; it is named.
        :raises RequestTooLarge: all of it.
        """
        texts = {name: _passed_on(name, value) for name, value in fields.items()}
        if len(json_bytes(fields)) > self.body_bytes:
            raise RequestTooLarge(
                f"as it is passed on, the request is over the limit of {self.body_bytes} bytes"
            )
        lengths = {name: _characters(value, texts[name]) for name, value in fields.items()}
        length = sum(lengths.values())
        if length > self.prompt_chars:
            message = f"{length} characters are over the limit of {self.prompt_chars}"
            raise RequestError(message, field=max(lengths, key=lengths.__getitem__))

    def lowered(self, options: Mapping[str, Any]) -> Dict[str, Any]:
        """The same options, none of them asking for more tokens than there may be."""
        if not self.tokens:
            return dict(options)
        return {
            name: min(value, self.tokens) if name in TOKEN_LIMITS else value
            for name, value in options.items()
        }


def whole_number(digits: str) -> int:
    """A whole number of a JSON text.

    :raises ValueError: it is so long that reading it would take its time.
    """
    if len(digits) > _LONGEST_NUMBER:
        raise ValueError(f"a number has more than {_LONGEST_NUMBER} digits")
    return int(digits)


def _passed_on(name: str, value: Any) -> bytes:
    if _is_too_deep(value):
        raise RequestError(f"is nested more than {DEEPEST} times", field=name)
    try:
        return json_bytes(value)
    except ValueError as error:
        raise RequestError(str(error).replace("$", name, 1), field=name) from None


def _is_too_deep(value: Any) -> bool:
    holders = _holders([value])
    for _ in range(DEEPEST):
        holders = [inner for holder in holders for inner in _holders(_held_by(holder))]
    return bool(holders)


def _holders(values: Iterable[Any]) -> List[Any]:
    return [value for value in values if value.__class__ in _HOLDERS]


def _held_by(holder: Any) -> Iterable[Any]:
    return holder.values() if holder.__class__ is dict else holder


def _characters(value: Any, text: bytes) -> int:
    if isinstance(value, str):
        return len(value)
    return len(text.decode()) if value.__class__ in _HOLDERS else 0

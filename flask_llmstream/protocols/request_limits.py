"""``RequestLimits``: how much one chat request may send to a model's server.

A request is sent on as JSON that is written again. That JSON may be longer than the JSON that came
(``1e5``, half of a character), and not every value that can be read can be written. So the written
JSON is checked. Standard library only, no I/O.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Iterable, List, Mapping

from ..errors import RequestError, RequestTooLarge
from ..sse.json import json_bytes
from .fields import shown

MAX_DEPTH = 128
"""How many lists and objects may be nested. serde takes as many, and with it many a model's
server. Any encoder takes as many too, however deep the call stack is where it is called."""

_CONTAINERS = (list, dict)


@dataclass(frozen=True)
class RequestLimits:
    """The limits of one request.

    :param prompt_chars: the most characters of all fields together that are sent on. A text
        counts as it is, a list or an object as JSON.
    :param body_bytes: the most bytes of the request as JSON. Default: 1 MiB.
    :param tokens: the most tokens of an answer. Default: 0, no limit.
    """

    prompt_chars: int
    body_bytes: int = 1024 * 1024
    tokens: int = 0

    def check(self, fields: Mapping[str, Any]) -> None:
        """Check that the fields can be sent on, and keep to the limits.

        :raises RequestError: a field is nested too deeply, holds a number that JSON does not have
            (NaN, an infinity), or is the longest of too many characters. The error names it.
        :raises RequestTooLarge: all fields together have too many bytes.
        """
        texts = {name: as_json(name, value) for name, value in fields.items()}
        if len(json_bytes(fields)) > self.body_bytes:
            raise RequestTooLarge(
                f"as it is passed on, the request is over the limit of {self.body_bytes} bytes "
                "(LLMSTREAM_MAX_BODY_BYTES)"
            )
        lengths = {name: _characters(value, texts[name]) for name, value in fields.items()}
        length = sum(lengths.values())
        if length > self.prompt_chars:
            longest = max(lengths, key=lengths.__getitem__)
            raise RequestError(
                f"{length} characters are over the limit of {self.prompt_chars} "
                "(LLMSTREAM_MAX_PROMPT_CHARS)",
                field=shown(longest),
            )


def as_json(name: str, value: Any) -> bytes:
    """A value of the field as JSON.

    :raises RequestError: it is nested too deeply, or JSON can't hold it. The error names the field.
    """
    if _is_too_deep(value):
        raise RequestError(f"is nested more than {MAX_DEPTH} times", field=shown(name))
    try:
        return json_bytes(value)
    except ValueError as error:
        message = shown(str(error).replace("$", shown(name), 1), 200)
        raise RequestError(message, field=shown(name)) from None


def _is_too_deep(value: Any) -> bool:
    # Level by level and without recursion: the value may be deeper than the stack.
    level = _containers([value])
    for _ in range(MAX_DEPTH):
        if not level:
            return False
        level = [inner for container in level for inner in _containers(_contents(container))]
    return bool(level)


def _containers(values: Iterable[Any]) -> List[Any]:
    return [value for value in values if value.__class__ in _CONTAINERS]


def _contents(container: Any) -> Iterable[Any]:
    return container.values() if container.__class__ is dict else container


def _characters(value: Any, text: bytes) -> int:
    if isinstance(value, str):
        return len(value)
    return len(text.decode()) if value.__class__ in _CONTAINERS else 0
